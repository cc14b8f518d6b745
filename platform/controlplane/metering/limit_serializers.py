"""Limits on the wire."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from controlplane.core.problems import InvalidInput
from controlplane.metering.limits import USUAL_WEIGHT, LimitValues


class LimitsWrite(serializers.Serializer[LimitValues]):
    """All at once: a limit that is left out or null is none. A name that is unknown is refused, for a misspelt limit would be
    none too. Ranges are the service's to check."""

    requests_per_minute = serializers.IntegerField(required=False, allow_null=True, default=None)
    tokens_per_minute = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="of prompts and answers"
    )
    concurrency = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="requests that are answered or wait at once"
    )
    weight = serializers.IntegerField(
        required=False, default=USUAL_WEIGHT, help_text="1 to 100: the part of engines that are full"
    )
    batch_allowed = serializers.BooleanField(
        required=False, default=True, help_text="whether requests may say that they can wait"
    )
    overflow_allowed = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="whether a model's stand-in may answer while it is full or away; null of a department: as the organisation",
    )

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, Mapping) and (unknown := sorted({str(name) for name in data} - {*self.fields})):
            raise InvalidInput(
                code="unknown_field",
                field=unknown[0],
                detail=_("There is no limit of this name."),
                remedy=_("Choose among: %(names)s.") % {"names": ", ".join(self.fields)},
            )
        checked: dict[str, Any] = super().to_internal_value(data)
        return checked


class LimitsSerializer(serializers.Serializer[LimitValues]):
    """null is no limit."""

    requests_per_minute = serializers.IntegerField(allow_null=True)
    tokens_per_minute = serializers.IntegerField(allow_null=True)
    concurrency = serializers.IntegerField(allow_null=True)
    weight = serializers.IntegerField()
    batch_allowed = serializers.BooleanField()
    overflow_allowed = serializers.BooleanField(allow_null=True)


class DepartmentLimitsSerializer(serializers.Serializer[Any]):
    department = serializers.UUIDField(source="department.pk")
    slug = serializers.CharField(source="department.slug")
    name = serializers.CharField(source="department.name")
    limits: Any = LimitsSerializer()


class TenantLimitsSerializer(serializers.Serializer[Any]):
    """`departments`: those that have limits, a weight or a word on batch of their own."""

    organisation: Any = LimitsSerializer()
    departments: Any = DepartmentLimitsSerializer(many=True)

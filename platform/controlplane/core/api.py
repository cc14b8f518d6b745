"""Fields that several REST views share."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.core.secrecy import Secrecy


@extend_schema_field({"type": "string", "enum": Secrecy.slugs()})
class SecrecyField(serializers.Field[Secrecy, str, str, Any]):
    """A secrecy level by its slug: public, internal, confidential, secret."""

    default_error_messages = {"unknown": _("“{value}” is not a level. Choose among: {levels}.")}

    def to_internal_value(self, data: Any) -> Secrecy:
        try:
            return Secrecy.from_slug(str(data))
        except KeyError:
            self.fail("unknown", value=data, levels=", ".join(Secrecy.slugs()))

    def to_representation(self, value: int) -> str:
        return Secrecy(value).slug

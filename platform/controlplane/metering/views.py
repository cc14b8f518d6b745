"""REST of usage."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from controlplane.assistants.selectors import assistant_get
from controlplane.core.csv_export import Block, csv_response
from controlplane.core.problems import InvalidInput
from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import Reviewer
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import visible_department
from controlplane.metering import serializers as shapes
from controlplane.metering.pagination import UsagePagination
from controlplane.metering.selectors import UsageGroup, usage_groups
from controlplane.metering.services import usage_export_note
from controlplane.metering.spans import DAY, GROUPS, UsageQuery

_DEFAULT_SPAN = timedelta(days=30)
_LONGEST_BY_HOUR = 31 * DAY
_LONGEST = 3660 * DAY
_PARAMETERS = [
    OpenApiParameter("from", datetime, description="thirty days before `to` without it"),
    OpenApiParameter("to", datetime, description="now without it; itself not included"),
    OpenApiParameter("group_by", enum=list(GROUPS), default="day"),
    OpenApiParameter("department", description="id or slug"),
    OpenApiParameter("assistant", description="id or slug"),
    OpenApiParameter("format", enum=["csv"], description="the whole list as a CSV file"),
]
CSV_COLUMNS = tuple(
    str(name) for name in shapes.UsageSerializer().get_fields() if name != "refused_by_reason"
)


class Usage(PrincipalView):
    """What was asked and answered in the departments that the caller looks after. The current hour is in it."""

    permission_classes = (Reviewer,)
    pagination_class = UsagePagination
    serializer_class = shapes.UsageSerializer

    @extend_schema(
        operation_id="usage_list", responses=shapes.UsageSerializer(many=True), parameters=_PARAMETERS
    )
    def get(self, request: Request) -> HttpResponseBase:
        query = usage_query(principal=self.principal, params=request.query_params)
        groups = usage_groups(principal=self.principal, query=query)
        if request.query_params.get("format") != "csv":
            return self.listed(groups, shapes.UsageSerializer)
        usage_export_note(principal=self.principal, query=query)
        return csv_response(
            request=request._request,
            filename=f"usage-{query.start:%Y%m%d}-{query.end:%Y%m%d}.csv",
            header=CSV_COLUMNS,
            read=lambda _following: Block(_rows(groups), None),
        )


def _rows(groups: list[UsageGroup]) -> list[list[Any]]:
    return [[shapes.UsageSerializer(group).data[name] for name in CSV_COLUMNS] for group in groups]


def usage_query(*, principal: Principal, params: Any) -> UsageQuery:
    """Raises ValidationError, InvalidInput, and NotFound for a department or assistant that the principal does not see."""
    form = shapes.UsageFilter(data=params)
    form.is_valid(raise_exception=True)
    asked = form.validated_data
    end = asked.get("to") or timezone.now()
    start = asked.get("from") or end - _DEFAULT_SPAN
    _check_span(start, end, asked["group_by"])
    department = (
        visible_department(principal=principal, key=asked["department"]) if asked["department"] else None
    )
    return UsageQuery(
        start=start,
        end=end,
        group_by=asked["group_by"],
        department_id=department.pk if department else None,
        assistant_id=_assistant_id(principal, asked["assistant"]),
    )


def _assistant_id(principal: Principal, key: str) -> UUID | None:
    if not key:
        return None
    try:
        return UUID(key)  # also of one that was deleted
    except ValueError:
        return assistant_get(principal=principal, slug=key).pk


def _check_span(start: datetime, end: datetime, group_by: str) -> None:
    if start >= end:
        raise InvalidInput(
            code="span_reversed",
            field="from",
            detail=_("The period ends before it begins."),
            remedy=_("Give a “from” that lies before “to”."),
        )
    longest = _LONGEST_BY_HOUR if group_by == "hour" else _LONGEST
    if end - start > longest:
        raise InvalidInput(
            code="span_too_long",
            field="from",
            detail=_("The period is longer than %(days)d days.") % {"days": longest.days},
            remedy=_("Ask for a shorter period, or group by day."),
        )

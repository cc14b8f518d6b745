"""REST of the ledger."""

from datetime import datetime
from typing import Any

from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.core.problems import Forbidden, InvalidInput
from controlplane.identity.api import PrincipalView
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import visible_department
from controlplane.metering import ledger_serializers as shapes
from controlplane.metering.ledger_exports import ledger_csv
from controlplane.metering.ledger_lists import LedgerQuery, department_names, ledger_entries

_PARAMETERS = [
    OpenApiParameter("from", datetime),
    OpenApiParameter("to", datetime, description="itself not included"),
    OpenApiParameter("department", description="id or slug"),
    OpenApiParameter("key", description="id of an API key"),
    OpenApiParameter("actor", description="`key:<id>` or `user:<id>`"),
    OpenApiParameter("model", description="the name that was asked for"),
    OpenApiParameter("deployment", description="what answered"),
    OpenApiParameter("outcome", enum=list(shapes.OUTCOMES)),
    OpenApiParameter("format", enum=["csv"], description="the whole list as a CSV file"),
]


class ReadsLedger(BasePermission):
    """Who administers a department: what single people and keys asked for is no business of others."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.auth, Principal):
            return False
        if request.auth.admin_departments:
            return True
        raise Forbidden(
            code="not_an_administrator",
            detail=_("Only administrators of a department may see its requests."),
            remedy=_("Ask an administrator for the administrator's role in the department."),
        )


class Ledger(PrincipalView):
    """Every request of `/v1` in the departments that the caller administers, newest first, with its tokens, times and cost."""

    permission_classes = (ReadsLedger,)
    serializer_class = shapes.LedgerEntrySerializer

    def get_serializer_context(self) -> dict[str, Any]:
        names = department_names(tenant_id=self.principal.tenant)
        return {**super().get_serializer_context(), "departments": names}

    @extend_schema(
        operation_id="ledger_list",
        responses=shapes.LedgerEntrySerializer(many=True),
        parameters=_PARAMETERS,
    )
    def get(self, request: Request) -> HttpResponseBase:
        query = ledger_query(principal=self.principal, params=request.query_params)
        if request.query_params.get("format") == "csv":
            return ledger_csv(request=request._request, principal=self.principal, query=query)
        entries = ledger_entries(principal=self.principal, query=query)
        return self.listed(entries, shapes.LedgerEntrySerializer)


def ledger_query(*, principal: Principal, params: Any) -> LedgerQuery:
    """Raises ValidationError, InvalidInput, and NotFound for a department that the principal does not see."""
    form = shapes.LedgerFilter(data=params)
    form.is_valid(raise_exception=True)
    asked = form.validated_data
    start, end = asked.get("from"), asked.get("to")
    if start and end and start >= end:
        raise InvalidInput(
            code="span_reversed",
            field="from",
            detail=_("The period ends before it begins."),
            remedy=_("Give a “from” that lies before “to”."),
        )
    key = asked["department"]
    return LedgerQuery(
        start=start,
        end=end,
        department_id=visible_department(principal=principal, key=key).pk if key else None,
        actor=f"key:{asked['key']}" if "key" in asked else asked["actor"],
        model=asked["model"],
        deployment=asked["deployment"],
        outcome=asked.get("outcome", ""),
    )

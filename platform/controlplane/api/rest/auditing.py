"""REST of the audit trail."""

from dataclasses import asdict

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.audit import serializers as shapes
from controlplane.audit.selectors import event_list, verify
from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import TenantAdmin

_FILTERS = ("action", "actor", "target")


class AuditEvents(PrincipalView):
    """The tenant's own trail, newest first. There is no way to write or change it."""

    permission_classes = (TenantAdmin,)
    serializer_class = shapes.AuditEventSerializer

    @extend_schema(
        responses=shapes.AuditEventSerializer(many=True),
        parameters=[OpenApiParameter(name) for name in _FILTERS],
    )
    def get(self, request: Request) -> Response:
        filters = {name: request.query_params.get(name, "") for name in _FILTERS}
        return self.listed(
            event_list(tenant_id=self.principal.tenant, **filters), shapes.AuditEventSerializer
        )


class AuditVerification(PrincipalView):
    permission_classes = (TenantAdmin,)

    @extend_schema(request=None, responses=shapes.VerificationSerializer)
    def post(self, request: Request) -> Response:
        result = verify(tenant_id=self.principal.tenant)
        broken = asdict(result.first_break) if result.first_break else None
        return Response({"intact": result.intact, "links": result.links, "first_break": broken})

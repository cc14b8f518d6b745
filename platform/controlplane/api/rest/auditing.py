"""REST of the audit trail."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane.audit import serializers as shapes
from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list, verify
from controlplane.core.pagination import KeysetPagination
from controlplane.core.scope import Scope, scoped
from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import TenantAdmin
from controlplane.identity.principal import Principal

_FILTERS = ("action", "actor", "target")
_CHAIN = OpenApiParameter("chain", enum=["tenant", "platform"])


class ChainPagination(KeysetPagination):
    """In the order of the chain, which is that of the commits."""

    ordering = "-sequence"


class ReadsTrail(TenantAdmin):
    """Administrators of the tenant, and those of the platform for its own chain only."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.query_params.get("chain") == "platform":
            return isinstance(request.auth, Principal) and request.auth.is_platform_admin
        return super().has_permission(request, view)


def chain_of(request: Request, principal: Principal) -> UUID:
    """The chain that the request asks for; `ReadsTrail` has allowed it."""
    return PLATFORM_CHAIN if request.query_params.get("chain") == "platform" else principal.tenant


def seen(chain: UUID) -> AbstractContextManager[None]:
    """Sight of the chain: the principal's own scope shows the tenant's, and nobody's shows the platform's."""
    return scoped(Scope(tenant_id=chain)) if chain == PLATFORM_CHAIN else nullcontext()


class AuditEvents(PrincipalView):
    """The tenant's own trail, newest first. There is no way to write or change it.

    Administrators of the platform read the platform's own trail with `chain=platform`.
    """

    permission_classes = (ReadsTrail,)
    pagination_class = ChainPagination
    serializer_class = shapes.AuditEventSerializer

    @extend_schema(
        responses=shapes.AuditEventSerializer(many=True),
        parameters=[_CHAIN, *(OpenApiParameter(name) for name in _FILTERS)],
    )
    def get(self, request: Request) -> Response:
        filters = {name: request.query_params.get(name, "") for name in _FILTERS}
        chain = chain_of(request, self.principal)
        with seen(chain):
            return self.listed(event_list(tenant_id=chain, **filters), shapes.AuditEventSerializer)


class AuditVerification(PrincipalView):
    permission_classes = (ReadsTrail,)

    @extend_schema(request=None, responses=shapes.VerificationSerializer, parameters=[_CHAIN])
    def post(self, request: Request) -> Response:
        chain = chain_of(request, self.principal)
        with seen(chain):
            result = verify(tenant_id=chain)
        broken = asdict(result.first_break) if result.first_break else None
        return Response({"intact": result.intact, "links": result.links, "first_break": broken})

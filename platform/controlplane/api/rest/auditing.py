"""REST of the audit trail."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BigIntegerField
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.pagination import Cursor
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane.audit import serializers as shapes
from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.exports import HEADER, exported_block
from controlplane.audit.search import EventQuery, events_found, events_matching
from controlplane.audit.selectors import verify
from controlplane.audit.services import export_note
from controlplane.core.csv_export import Block, csv_response
from controlplane.core.pagination import KeysetPagination
from controlplane.core.scope import Scope, scoped
from controlplane.identity.api import PrincipalView
from controlplane.identity.permissions import TenantAdmin
from controlplane.identity.principal import Principal

_FILTERS = (
    *(
        OpenApiParameter(name, description="the whole value, or its beginning and *")
        for name in ("action", "actor", "target")
    ),
    OpenApiParameter("conversation", description="id: its questions and answers, and what happened to it"),
    OpenApiParameter("document", description="id: what happened to it"),
    OpenApiParameter("from", datetime),
    OpenApiParameter("to", datetime, description="itself not included"),
    OpenApiParameter("q", description="a text in the actor, action, target or data"),
)
_CHAIN = OpenApiParameter("chain", enum=["tenant", "platform"])


class ChainPagination(KeysetPagination):
    """In the order of the chain, which is that of the commits."""

    ordering = "-sequence"

    def place_of(self, request: Request) -> tuple[int | None, int]:
        """For a search: before which event the page begins, and how many it may hold."""
        self._key = BigIntegerField()
        cursor = self.decode_cursor(request)
        before = int(cursor.position) if cursor and cursor.position else None
        return before, self.get_page_size(request) or self.page_size

    def link_before(self, request: Request, sequence: int) -> str:
        self.base_url = self.base_of(request)
        link: str = self.encode_cursor(Cursor(offset=0, reverse=False, position=sequence))
        return link


class ReadsTrail(TenantAdmin):
    """Administrators of the tenant, and those of the platform for its own chain only."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.query_params.get("chain") == "platform":
            return isinstance(request.auth, Principal) and request.auth.is_platform_admin
        return super().has_permission(request, view)


_PLATFORM_SIGHT = Scope(tenant_id=PLATFORM_CHAIN, administers=True)


def chain_of(request: Request, principal: Principal) -> UUID:
    """The chain that the request asks for; `ReadsTrail` has allowed it."""
    return PLATFORM_CHAIN if request.query_params.get("chain") == "platform" else principal.tenant


def seen(chain: UUID) -> AbstractContextManager[None]:
    """Sight of the chain: the principal's own scope shows the tenant's, and nobody's shows the platform's."""
    return scoped(_PLATFORM_SIGHT) if chain == PLATFORM_CHAIN else nullcontext()


class AuditEvents(PrincipalView):
    """The tenant's own trail, newest first. There is no way to write or change it.

    Administrators of the platform read the platform's own trail with `chain=platform`. A search for a text (`q`) reads a part
    of the trail for each page: a page may be empty and still have a `next`.
    """

    permission_classes = (ReadsTrail,)
    pagination_class = ChainPagination
    serializer_class = shapes.AuditEventSerializer

    @extend_schema(
        operation_id="audit_events_list",
        responses=shapes.AuditEventSerializer(many=True),
        parameters=[_CHAIN, *_FILTERS, OpenApiParameter("format", enum=["csv"])],
    )
    def get(self, request: Request) -> HttpResponseBase:
        query = event_query(request.query_params)
        chain = chain_of(request, self.principal)
        if request.query_params.get("format") == "csv":
            return self._exported(request, chain, query)
        with seen(chain):
            if not query.text:
                events = events_matching(tenant_id=chain, query=query)
                return self.listed(events, shapes.AuditEventSerializer)
            page = ChainPagination()
            before, limit = page.place_of(request)
            found = events_found(tenant_id=chain, query=query, before=before, limit=limit)
        results = shapes.AuditEventSerializer(found.events, many=True).data
        following = page.link_before(request, found.following) if found.following else None
        return Response({"results": results, "next": following, "previous": None})

    def _exported(self, request: Request, chain: UUID, query: EventQuery) -> StreamingHttpResponse:
        principal, scope = self.principal, self.principal.scope()
        export_note(actor=principal.actor, tenant_id=chain, query=query)

        def read(before: int | None) -> Block[int]:
            with scoped(_PLATFORM_SIGHT if chain == PLATFORM_CHAIN else scope):
                return exported_block(tenant_id=chain, query=query, before=before)

        name = "audit-events-platform.csv" if chain == PLATFORM_CHAIN else "audit-events.csv"
        return csv_response(request=request._request, filename=name, header=HEADER, read=read)


def event_query(params: Any) -> EventQuery:
    """Raises DRF's ValidationError."""
    form = shapes.EventFilter(data=params)
    form.is_valid(raise_exception=True)
    asked = form.validated_data
    return EventQuery(
        **{
            name: str(asked.get(name, ""))
            for name in ("action", "actor", "target", "conversation", "document")
        },
        start=asked.get("from"),
        end=asked.get("to"),
        text=asked["q"],
    )


class AuditVerification(PrincipalView):
    permission_classes = (ReadsTrail,)

    @extend_schema(request=None, responses=shapes.VerificationSerializer, parameters=[_CHAIN])
    def post(self, request: Request) -> Response:
        chain = chain_of(request, self.principal)
        with seen(chain):
            result = verify(tenant_id=chain)
        broken = asdict(result.first_break) if result.first_break else None
        return Response({"intact": result.intact, "links": result.links, "first_break": broken})

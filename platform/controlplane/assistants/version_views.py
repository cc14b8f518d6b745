"""REST of an assistant's versions, and of who may use it: for who looks after its department."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.assistants import serializers as shapes
from controlplane.assistants.access import access_set
from controlplane.assistants.content import bases_of
from controlplane.assistants.models import Assistant, AssistantAccess, AssistantVersion
from controlplane.assistants.selectors import (
    access_list,
    managed_assistant_get,
    shown_bases,
    version_get,
    version_list,
)
from controlplane.assistants.services import assistant_restore
from controlplane.assistants.views import AssistantView
from controlplane.identity.actors import actors_of
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required
from controlplane.tenants.models import Department


class _ManagedAssistantView(AssistantView):
    permission_classes = (scope_required(KeyScope.DOCUMENTS_WRITE),)

    def assistant(self, slug: str) -> Assistant:
        return managed_assistant_get(principal=self.principal, slug=slug)


class Versions(_ManagedAssistantView):
    serializer_class = shapes.VersionSerializer

    @extend_schema(responses=shapes.VersionSerializer(many=True))
    def get(self, request: Request, slug: str) -> Response:
        """The newest first."""
        page = self.paginate_queryset(version_list(assistant=self.assistant(slug)))
        return self.get_paginated_response(_shown(self.principal.tenant, page or []))


class VersionDetail(_ManagedAssistantView):
    @extend_schema(responses=shapes.VersionSerializer)
    def get(self, request: Request, slug: str, number: int) -> Response:
        version = version_get(assistant=self.assistant(slug), number=number)
        return Response(_shown(self.principal.tenant, [version])[0])


class VersionRestore(_ManagedAssistantView):
    @extend_schema(request=shapes.RestoreWrite, responses=shapes.AssistantDetailSerializer)
    def post(self, request: Request, slug: str, number: int) -> Response:
        """What the assistant was then becomes its newest version."""
        data = self.checked(shapes.RestoreWrite)
        assistant = assistant_restore(
            principal=self.principal,
            assistant=self.assistant(slug),
            number=number,
            based_on=data["version"],
        )
        return self.shown(assistant)


class Access(_ManagedAssistantView):
    @extend_schema(responses=shapes.AccessSerializer)
    def get(self, request: Request, slug: str) -> Response:
        assistant = self.assistant(slug)
        return Response(_access(assistant, access_list(assistant=assistant)))

    @extend_schema(request=shapes.AccessWrite, responses=shapes.AccessSerializer)
    def put(self, request: Request, slug: str) -> Response:
        """The whole list; the assistant's own department needs no place in it."""
        data = self.checked(shapes.AccessWrite)
        assistant = self.assistant(slug)
        granted = access_set(
            principal=self.principal,
            assistant=assistant,
            departments=data["departments"],
            people=data["people"],
        )
        return Response(_access(assistant, granted))


def _shown(tenant_id: UUID, versions: Sequence[AssistantVersion]) -> list[dict[str, Any]]:
    ids = {id_ for version in versions for id_ in bases_of(version.content)}
    context = {
        "actors": actors_of(tenant_id=tenant_id, actors=[version.actor for version in versions]),
        "bases": shown_bases(tenant_id=tenant_id, ids=list(ids)),
    }
    return [dict(shapes.VersionSerializer(version, context=context).data) for version in versions]


def _access(assistant: Assistant, granted: Iterable[AssistantAccess]) -> dict[str, Any]:
    departments: list[Department] = [row.department for row in granted if row.department]
    people = [row.user for row in granted if row.user]
    body = {"department": assistant.department, "departments": departments, "people": people}
    return dict(shapes.AccessSerializer(body).data)

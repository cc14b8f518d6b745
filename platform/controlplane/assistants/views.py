"""REST of assistants."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.assistants import serializers as shapes
from controlplane.assistants.content import FIELDS, AssistantContent
from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import assistant_get, assistant_list
from controlplane.assistants.services import (
    assistant_change,
    assistant_create,
    assistant_delete,
    assistant_enable,
)
from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import scope_required
from controlplane.tenants.brands import brands
from controlplane.tenants.selectors import department_get


def _content(data: dict[str, Any]) -> AssistantContent:
    return AssistantContent(**{name: data[name] for name in FIELDS})


class AssistantView(PrincipalView):
    permission_classes: tuple[type[BasePermission], ...] = (
        scope_required(KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE),
    )

    def shown(self, assistant: Assistant, *, status: int = 200) -> Response:
        context = {"looked_after": self.principal.write_departments}
        return Response(shapes.AssistantDetailSerializer(assistant, context=context).data, status=status)


class Assistants(AssistantView):
    serializer_class = shapes.AssistantSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        return {
            **super().get_serializer_context(),
            "brands": brands(tenant_id=self.principal.tenant),
            "looked_after": self.principal.write_departments,
        }

    @extend_schema(responses=shapes.AssistantSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed(assistant_list(principal=self.principal), shapes.AssistantSerializer)

    @extend_schema(request=shapes.AssistantWrite, responses={201: shapes.AssistantDetailSerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.AssistantWrite)
        assistant = assistant_create(
            principal=self.principal,
            slug=data["slug"],
            department=department_get(tenant_id=self.principal.tenant, key=data["department"]),
            content=_content(data),
            knowledge_bases=data["knowledge_bases"],
        )
        return self.shown(assistant, status=201)


class AssistantDetail(AssistantView):
    @extend_schema(responses=shapes.AssistantDetailSerializer)
    def get(self, request: Request, slug: str) -> Response:
        assistant = assistant_get(principal=self.principal, slug=slug)
        return self.shown(assistant)

    @extend_schema(request=shapes.AssistantVersioned, responses=shapes.AssistantDetailSerializer)
    def put(self, request: Request, slug: str) -> Response:
        data = self.checked(shapes.AssistantVersioned)
        assistant = assistant_change(
            principal=self.principal,
            assistant=assistant_get(principal=self.principal, slug=slug),
            content=_content(data),
            knowledge_bases=data["knowledge_bases"],
            based_on=data["version"],
            note=data["note"],
        )
        return self.shown(assistant)

    @extend_schema(request=shapes.AssistantSwitch, responses=shapes.AssistantDetailSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        """Switch it on or off."""
        data = self.checked(shapes.AssistantSwitch)
        assistant = assistant_enable(
            principal=self.principal,
            assistant=assistant_get(principal=self.principal, slug=slug),
            enabled=data["enabled"],
        )
        return self.shown(assistant)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str) -> Response:
        assistant_delete(
            principal=self.principal, assistant=assistant_get(principal=self.principal, slug=slug)
        )
        return Response(status=204)

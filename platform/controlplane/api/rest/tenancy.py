"""REST of tenants and departments."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.rest import serializers as shapes
from controlplane.assistants.selectors import branded_department
from controlplane.core.api import IMAGE_HEADERS, AnyAccepted
from controlplane.core.problems import NotFound
from controlplane.documents.uploads import ENVELOPE_BYTES
from controlplane.identity.api import PrincipalView
from controlplane.identity.departments import (
    department_change_by,
    department_create_by,
    department_logo_remove_by,
    department_logo_set_by,
)
from controlplane.identity.founding import FirstPerson, tenant_found
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import PlatformAdmin, SignedIn, scope_required
from controlplane.identity.selectors import visible_department
from controlplane.metering.departments import department_dissolve
from controlplane.tenants import logos
from controlplane.tenants.brands import logo_of
from controlplane.tenants.selectors import department_get, department_list, tenant_get, tenant_list
from controlplane.tenants.services import tenant_rename
from controlplane.tenants.suspensions import tenant_resume, tenant_suspend


class Tenants(PrincipalView):
    serializer_class = shapes.TenantSerializer

    def get_permissions(self) -> list[BasePermission]:
        return [SignedIn() if self.request.method == "GET" else PlatformAdmin()]

    @extend_schema(responses=shapes.TenantSerializer(many=True))
    def get(self, request: Request) -> Response:
        return self.listed(tenant_list(), shapes.TenantSerializer)

    @extend_schema(request=shapes.TenantWrite, responses={201: shapes.TenantSerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.TenantWrite)
        first = FirstPerson(**data.pop("admin"))
        tenant = tenant_found(actor=self.principal.actor, **data, first=first)
        return Response(shapes.TenantSerializer(tenant).data, status=201)


class TenantDetail(PrincipalView):
    permission_classes = (PlatformAdmin,)

    @extend_schema(request=shapes.TenantChange, responses=shapes.TenantSerializer)
    def patch(self, request: Request, tenant_id: UUID) -> Response:
        tenant = tenant_get(tenant_id=tenant_id)
        renamed = tenant_rename(
            actor=self.principal.actor, tenant=tenant, **self.checked(shapes.TenantChange)
        )
        return Response(shapes.TenantSerializer(renamed).data)


class TenantSuspend(PrincipalView):
    """Nobody acts in the organisation until it is resumed; nothing of it is deleted."""

    permission_classes = (PlatformAdmin,)
    serializer_class = shapes.TenantSerializer

    @extend_schema(request=shapes.TenantSuspend, responses=shapes.TenantSerializer)
    def post(self, request: Request, tenant_id: UUID) -> Response:
        reason = self.checked(shapes.TenantSuspend)["reason"]
        tenant = tenant_suspend(actor=self.principal.actor, tenant_id=tenant_id, reason=reason)
        return Response(self.get_serializer(tenant).data)


class TenantResume(PrincipalView):
    permission_classes = (PlatformAdmin,)
    serializer_class = shapes.TenantSerializer

    @extend_schema(request=None, responses=shapes.TenantSerializer)
    def post(self, request: Request, tenant_id: UUID) -> Response:
        tenant = tenant_resume(actor=self.principal.actor, tenant_id=tenant_id)
        return Response(self.get_serializer(tenant).data)


class Departments(PrincipalView):
    permission_classes = (scope_required(KeyScope.DOCUMENTS_READ, KeyScope.ADMIN),)
    serializer_class = shapes.DepartmentSerializer

    @extend_schema(responses=shapes.DepartmentSerializer(many=True))
    def get(self, request: Request) -> Response:
        own = department_list(tenant_id=self.principal.tenant).filter(pk__in=self.principal.read_departments)
        return self.listed(own, shapes.DepartmentSerializer)

    @extend_schema(request=shapes.DepartmentWrite, responses={201: shapes.DepartmentSerializer})
    def post(self, request: Request) -> Response:
        data = self.checked(shapes.DepartmentWrite)
        data["parent"] = department_get(tenant_id=self.principal.tenant, key=data["parent"])
        department = department_create_by(principal=self.principal, **data)
        return Response(shapes.DepartmentSerializer(department).data, status=201)


class DepartmentDetail(PrincipalView):
    permission_classes = (scope_required(KeyScope.DOCUMENTS_READ, KeyScope.ADMIN),)
    serializer_class = shapes.DepartmentSerializer

    @extend_schema(responses=shapes.DepartmentSerializer)
    def get(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        return Response(shapes.DepartmentSerializer(department).data)

    @extend_schema(request=shapes.DepartmentChange, responses=shapes.DepartmentSerializer)
    def patch(self, request: Request, key: str) -> Response:
        principal = self.principal
        department = visible_department(principal=principal, key=key)
        changes = self.checked(shapes.DepartmentChange)
        if "parent" in changes:
            changes["parent"] = department_get(tenant_id=principal.tenant, key=changes["parent"])
        changed = department_change_by(principal=principal, department=department, **changes)
        return Response(shapes.DepartmentSerializer(changed).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        department_dissolve(principal=self.principal, department=department)
        return Response(status=204)


class DepartmentLogo(PrincipalView):
    """The logo that is shown for the department: its own, or that of the nearest one above that has one."""

    permission_classes = (scope_required(KeyScope.CHAT, KeyScope.ADMIN),)
    content_negotiation_class = AnyAccepted
    parser_classes = (MultiPartParser,)
    serializer_class = shapes.LogoForm

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if int(request.META.get("CONTENT_LENGTH") or 0) > logos.MOST_BYTES + ENVELOPE_BYTES:
            raise logos.too_large()
        super().initial(request, *args, **kwargs)

    @extend_schema(responses={(200, "image/png"): OpenApiTypes.BINARY, 304: None})
    def get(self, request: Request, key: str) -> HttpResponseBase:
        department = branded_department(principal=self.principal, key=key)
        logo = logo_of(tenant_id=self.principal.tenant, department_id=department.pk)
        if logo is None:
            raise NotFound(code="no_logo", detail=_("Neither this department nor one above it has a logo."))
        etag = f'"{logo.sha256[:32]}"'
        headers = {**IMAGE_HEADERS, "ETag": etag, "Cache-Control": "private, max-age=300"}
        if etag in (tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(bytes(logo.png), content_type="image/png", headers=headers)

    @extend_schema(request={"multipart/form-data": shapes.LogoForm}, responses={204: None})
    def put(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        content = self.checked(shapes.LogoForm)["file"].read(logos.MOST_BYTES + 1)
        department_logo_set_by(principal=self.principal, department=department, content=content)
        return Response(status=204)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        department_logo_remove_by(principal=self.principal, department=department)
        return Response(status=204)

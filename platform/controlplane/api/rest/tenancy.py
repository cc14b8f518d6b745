"""REST of tenants and departments."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.rest import serializers as shapes
from controlplane.identity.api import PrincipalView
from controlplane.identity.departments import department_move_by
from controlplane.identity.founding import FirstPerson, tenant_found
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import PlatformAdmin, SignedIn, scope_required
from controlplane.identity.selectors import visible_department
from controlplane.tenants.selectors import department_get, department_list, tenant_list
from controlplane.tenants.services import department_create


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
        self.principal.require_admin(data["parent"].pk)
        department = department_create(tenant_id=self.principal.tenant, actor=self.principal.actor, **data)
        return Response(shapes.DepartmentSerializer(department).data, status=201)


class DepartmentDetail(PrincipalView):
    permission_classes = (scope_required(KeyScope.ADMIN),)

    @extend_schema(request=shapes.DepartmentMove, responses=shapes.DepartmentSerializer)
    def patch(self, request: Request, key: str) -> Response:
        principal = self.principal
        department = visible_department(principal=principal, key=key)
        parent = department_get(tenant_id=principal.tenant, key=self.checked(shapes.DepartmentMove)["parent"])
        moved = department_move_by(principal=principal, department=department, parent=parent)
        return Response(shapes.DepartmentSerializer(moved).data)

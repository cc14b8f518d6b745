"""REST of limits: an organisation's own are read by its administrators and set by the platform's, departments' are set by
the organisation's."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.identity.api import PrincipalView
from controlplane.identity.models import KeyScope
from controlplane.identity.permissions import PlatformAdmin, TenantAdmin, scope_required
from controlplane.identity.selectors import visible_department
from controlplane.metering import limit_serializers as shapes
from controlplane.metering.limit_selectors import department_limits, limits_shown, tenant_limits
from controlplane.metering.limits import LimitValues, department_limits_set, tenant_limits_set


class Limits(PrincipalView):
    """Of the caller's organisation and of its departments."""

    permission_classes = (TenantAdmin,)
    serializer_class = shapes.TenantLimitsSerializer

    @extend_schema(operation_id="limits_retrieve")
    def get(self, request: Request) -> Response:
        shown = limits_shown(tenant_id=self.principal.tenant)
        return Response(shapes.TenantLimitsSerializer(shown).data)


class TenantLimits(PrincipalView):
    permission_classes = (PlatformAdmin,)
    serializer_class = shapes.LimitsSerializer

    @extend_schema(operation_id="tenants_limits_retrieve")
    def get(self, request: Request, tenant_id: UUID) -> Response:
        return Response(shapes.LimitsSerializer(tenant_limits(tenant_id=tenant_id)).data)

    @extend_schema(operation_id="tenants_limits_set", request=shapes.LimitsWrite)
    def put(self, request: Request, tenant_id: UUID) -> Response:
        values = LimitValues(**self.checked(shapes.LimitsWrite))
        values = tenant_limits_set(principal=self.principal, tenant_id=tenant_id, values=values)
        return Response(shapes.LimitsSerializer(values).data)


class DepartmentLimits(PrincipalView):
    """Read by who administers the department, set by administrators of the whole organisation."""

    permission_classes = (scope_required(KeyScope.ADMIN, KeyScope.ADMIN),)
    serializer_class = shapes.LimitsSerializer

    @extend_schema(operation_id="departments_limits_retrieve")
    def get(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        values = department_limits(principal=self.principal, department=department)
        return Response(shapes.LimitsSerializer(values).data)

    @extend_schema(operation_id="departments_limits_set", request=shapes.LimitsWrite)
    def put(self, request: Request, key: str) -> Response:
        department = visible_department(principal=self.principal, key=key)
        values = LimitValues(**self.checked(shapes.LimitsWrite))
        values = department_limits_set(principal=self.principal, department=department, values=values)
        return Response(shapes.LimitsSerializer(values).data)

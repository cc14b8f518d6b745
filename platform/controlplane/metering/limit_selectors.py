"""Reading limits: who may see which."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.core.scope import Scope, scoped
from controlplane.identity.principal import Principal
from controlplane.metering.limits import NOTHING_SET, LimitValues, limits_of
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import department_outline, tenant_get


@dataclass(frozen=True, slots=True)
class DepartmentLimits:
    """`depth` 0 is the root of the organisation."""

    department: Department
    depth: int
    limits: LimitValues


@dataclass(frozen=True, slots=True)
class LimitsShown:
    """Of an organisation and those of its departments that have something set, from the root down."""

    organisation: LimitValues
    departments: tuple[DepartmentLimits, ...]


def limits_shown(*, tenant_id: UUID) -> LimitsShown:
    """For administrators of the organisation. Two queries."""
    found = limits_of(tenant_id=tenant_id)
    return LimitsShown(
        organisation=found.own,
        departments=tuple(
            DepartmentLimits(row.department, row.depth, found.departments[row.department.pk])
            for row in department_outline(tenant_id=tenant_id)
            if found.departments.get(row.department.pk, NOTHING_SET) != NOTHING_SET
        ),
    )


def tenant_limits(*, tenant_id: UUID) -> LimitValues:
    """For the platform's administrators. Raises NotFound."""
    with scoped(Scope(platform=True)):
        tenant_get(tenant_id=tenant_id)
    return limits_of(tenant_id=tenant_id).own


def department_limits(*, principal: Principal, department: Department) -> LimitValues:
    """For who administers the department. Raises Forbidden."""
    principal.require_admin(department.pk)
    return limits_of(tenant_id=department.tenant_id).departments.get(department.pk, NOTHING_SET)

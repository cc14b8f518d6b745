"""Deleting a department that was asked: what was counted of it, and said in it, belongs to the one above from then on."""

from uuid import UUID

from django.db import transaction
from django.db.models import Q

from controlplane.chat.departments import conversations_move
from controlplane.core.scope import Scope, scoped
from controlplane.identity.departments import department_delete_by, department_hold, keys_ended
from controlplane.identity.models import ApiKey
from controlplane.identity.principal import Principal
from controlplane.metering.models import HourlyUsage, UsageLimit
from controlplane.metering.services import usage_move
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import department_contents


@transaction.atomic
def department_dissolve(*, principal: Principal, department: Department) -> None:
    """Raises Forbidden, NotFound, and Conflict for one that is not empty: then nothing has moved."""
    held = department_hold(principal=principal, department=department)
    if held.parent_id is not None:
        _move(held.tenant_id, held.pk, held.parent_id)
    # Its limits go with it; what it had left is the department's above from now on, under that one's.
    with scoped(Scope(tenant_id=held.tenant_id, unrestricted=True)):
        UsageLimit.objects.filter(tenant_id=held.tenant_id, department=held).delete()
    department_delete_by(principal=principal, department=held)


def department_obstacles(*, department: Department) -> dict[str, int]:
    """`{kind: number}` of what keeps it from being dissolved: numbers only, whoever asks."""
    goes = {
        ApiKey._meta.label: keys_ended(),
        HourlyUsage._meta.label: Q(department=department),
        UsageLimit._meta.label: Q(department=department),
    }
    with scoped(Scope(tenant_id=department.tenant_id, unrestricted=True)):
        return department_contents(department=department, without=goes)


def _move(tenant_id: UUID, department_id: UUID, parent_id: UUID) -> None:
    # The usage first, for its lock: an hour that is counted again finds the conversations where their usage is.
    usage_move(tenant_id=tenant_id, department_id=department_id, to_id=parent_id)
    conversations_move(tenant_id=tenant_id, department_id=department_id, to_id=parent_id)

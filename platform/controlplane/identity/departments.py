"""Moving a department, which moves what people above it and beneath it may read and decide."""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Forbidden
from controlplane.core.secrecy import Secrecy
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_now
from controlplane.tenants.models import Department
from controlplane.tenants.services import department_move, tenant_lock


@transaction.atomic
def department_move_by(*, principal: Principal, department: Department, parent: Department) -> Department:
    """Raises Forbidden, InvalidInput for a circle.

    The mover administers the department, the one above it (whose administrators lose it) and the one it goes to (whose
    members gain it with clearances of their own, hence the highest clearance).
    """
    tenant_lock(tenant_id=principal.tenant)
    principal = principal_now(principal=principal)
    department.refresh_from_db(fields=["parent"])
    needed = {department.pk, parent.pk, department.parent_id} - {None}
    if not needed <= principal.admin_departments:
        raise Forbidden(
            code="department_not_administered",
            field="parent",
            detail=_("You do not administer the department, the one above it and the one it would go to."),
            remedy=_("Ask an administrator of all three, such as one of the whole organisation."),
        )
    if principal.clearances.get(department.pk, Secrecy.PUBLIC) < Secrecy.SECRET:
        raise Forbidden(
            code="move_needs_clearance",
            detail=_("Moving a department brings in people with clearances of their own."),
            remedy=_("Ask an administrator with the highest clearance."),
        )
    return department_move(
        tenant_id=principal.tenant, actor=principal.actor, department=department, parent=parent
    )

"""Changing departments: what administrators of one may do with it.

Moving one moves what people above it and beneath it may read and decide.
"""

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Forbidden, not_found
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_now
from controlplane.tenants.models import Department
from controlplane.tenants.services import (
    department_change,
    department_create,
    department_delete,
    department_logo_remove,
    department_logo_set,
    department_move,
    tenant_lock,
)


@transaction.atomic
def department_create_by(*, principal: Principal, slug: str, name: str, parent: Department) -> Department:
    """Beneath one that the principal administers. Raises Forbidden, Conflict for a slug that is taken."""
    _lock_administered(principal, parent)
    return department_create(
        tenant_id=principal.tenant, actor=principal.actor, slug=slug, name=name, parent=parent
    )


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


@transaction.atomic
def department_change_by(
    *, principal: Principal, department: Department, parent: Department | None = None, **changes: str
) -> Department:
    """Move it, where `parent` is another one, and change its name and brand. Raises Forbidden, InvalidInput."""
    if parent is not None:
        department = department_move_by(principal=principal, department=department, parent=parent)
    if changes:
        _lock_administered(principal, department)
        department = department_change(
            tenant_id=principal.tenant, actor=principal.actor, department=department, **changes
        )
    return department


@transaction.atomic
def department_logo_set_by(*, principal: Principal, department: Department, content: bytes) -> None:
    """Raises Forbidden, TooLarge, UnsupportedMedia, InvalidInput."""
    _lock_administered(principal, department)
    department_logo_set(
        tenant_id=principal.tenant, actor=principal.actor, department=department, content=content
    )


@transaction.atomic
def department_logo_remove_by(*, principal: Principal, department: Department) -> None:
    """Raises Forbidden."""
    _lock_administered(principal, department)
    department_logo_remove(tenant_id=principal.tenant, actor=principal.actor, department=department)


@transaction.atomic
def department_delete_by(*, principal: Principal, department: Department) -> None:
    """Raises Forbidden, Conflict for one that is not empty: also of usage (`metering.departments.department_dissolve`).

    Keys that have ended are no content: they go with it, as every key that they made has ended too. The trail keeps them.
    """
    _lock_administered(principal, department)
    ApiKey.objects.filter(keys_ended(), tenant_id=principal.tenant, department=department).delete()
    department_delete(tenant_id=principal.tenant, actor=principal.actor, department=department)


def keys_ended() -> Q:
    """Of API keys: revoked, or run out by now."""
    return Q(revoked_at__isnull=False) | Q(expires_at__lte=timezone.now())


def department_hold(*, principal: Principal, department: Department) -> Department:
    """The department as it is now, for who administers it: until the commit nobody moves it. Raises Forbidden, NotFound."""
    _lock_administered(principal, department)
    held = Department.objects.filter(tenant_id=principal.tenant, pk=department.pk).first()
    if held is None:
        raise not_found(kind=_("department"), id=department.slug)
    return held


def _lock_administered(principal: Principal, department: Department) -> None:
    """What the principal holds is asked again under the lock. Raises Forbidden."""
    tenant_lock(tenant_id=principal.tenant)
    principal_now(principal=principal).require_admin(department.pk)

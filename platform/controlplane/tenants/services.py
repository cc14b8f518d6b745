"""Tenants, departments and memberships: every change of who belongs where."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, InvalidInput
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.models import Department, Membership, Role, Tenant
from controlplane.tenants.selectors import department_tree

ROOT_SLUG = "root"


@transaction.atomic
def tenant_create(*, actor: str, slug: str, name: str) -> tuple[Tenant, Department]:
    """A tenant with the root of its tree of departments. Raises Conflict for a slug that is taken."""
    with scoped(Scope(platform=True)):
        if Tenant.objects.filter(slug=slug).exists():
            raise Conflict(
                code="slug_taken", field="slug", detail=_("There is already an organisation “%s”.") % slug
            )
        tenant = Tenant.objects.create(slug=slug, name=name)
    with scoped(Scope(tenant_id=tenant.pk, unrestricted=True)):
        root = Department.objects.create(tenant=tenant, slug=ROOT_SLUG, name=name)
        record(
            tenant_id=tenant.pk, actor=actor, action="tenant.created", target=f"tenant:{tenant.pk}", slug=slug
        )
    return tenant, root


@transaction.atomic
def department_create(*, tenant_id: UUID, actor: str, slug: str, name: str, parent: Department) -> Department:
    if Department.objects.filter(tenant_id=tenant_id, slug=slug).exists():
        raise Conflict(
            code="slug_taken", field="slug", detail=_("There is already a department “%s”.") % slug
        )
    department = Department.objects.create(tenant_id=tenant_id, slug=slug, name=name, parent=parent)
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="department.created",
        target=f"department:{department.pk}",
        slug=slug,
        parent=parent.slug,
    )
    return department


@transaction.atomic
def department_move(*, tenant_id: UUID, actor: str, department: Department, parent: Department) -> Department:
    """Put the department, with everything beneath it, under another one. Raises InvalidInput for a circle."""
    # Moves go one after the other: two that cross would detach a circle from the tree.
    Department.objects.select_for_update(no_key=True).get(tenant_id=tenant_id, parent=None)
    beneath = department_tree(tenant_id=tenant_id).subtree([department.pk])
    if department.parent_id is None or parent.pk in beneath:
        raise InvalidInput(
            code="department_circle", field="parent", detail=_("A department cannot stand beneath itself.")
        )
    department.parent = parent
    department.save(update_fields=["parent"])
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="department.moved",
        target=f"department:{department.pk}",
        parent=parent.slug,
    )
    return department


@transaction.atomic
def membership_set(
    *, tenant_id: UUID, actor: str, user_id: UUID, department: Department, role: Role, clearance: Secrecy
) -> Membership:
    """Make or change the person's membership in the department. Raises Conflict for the last administrator of all."""
    if role != Role.ADMIN:
        _keep_an_administrator(department, user_id)
    membership, created = Membership.objects.update_or_create(
        tenant_id=tenant_id,
        user_id=user_id,
        department=department,
        defaults={"role": role, "clearance": clearance},
    )
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="membership.created" if created else "membership.changed",
        target=f"user:{user_id}",
        department=department.slug,
        role=role,
        clearance=clearance.slug,
    )
    return membership


@transaction.atomic
def membership_remove(*, tenant_id: UUID, actor: str, membership: Membership) -> None:
    """Raises Conflict for the last administrator of all."""
    user_id, department_id = membership.user_id, membership.department_id
    _keep_an_administrator(membership.department, user_id)
    membership.delete()
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="membership.removed",
        target=f"user:{user_id}",
        department=str(department_id),
    )


def _keep_an_administrator(department: Department, user_id: UUID) -> None:
    """Nobody but an administrator of the root can make another one, so the last of them stays."""
    if department.parent_id is not None:
        return
    Department.objects.select_for_update(no_key=True).get(pk=department.pk)
    administrators = Membership.objects.filter(
        tenant_id=department.tenant_id, department=department, role=Role.ADMIN
    ).values_list("user_id", flat=True)
    if list(administrators) == [user_id]:
        raise Conflict(
            code="last_administrator",
            detail=_("This is the organisation's last administrator."),
            remedy=_("Make somebody else an administrator first."),
        )

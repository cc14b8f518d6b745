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
                code="slug_taken",
                field="slug",
                detail=_("There is already an organisation “%s”.") % slug,
                remedy=_("Choose another one."),
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
    tenant_lock(tenant_id=tenant_id)
    if Department.objects.filter(tenant_id=tenant_id, slug=slug).exists():
        raise Conflict(
            code="slug_taken",
            field="slug",
            detail=_("There is already a department “%s”.") % slug,
            remedy=_("Choose another one."),
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
    tenant_lock(tenant_id=tenant_id)
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
    tenant_lock(tenant_id=tenant_id)
    present = Membership.objects.filter(tenant_id=tenant_id, user_id=user_id, department=department).first()
    if present is not None:
        _keep_an_administrator(present, role, clearance)
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
    tenant_lock(tenant_id=tenant_id)
    user_id, department_id = membership.user_id, membership.department_id
    _keep_an_administrator(membership)
    membership.delete()
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="membership.removed",
        target=f"user:{user_id}",
        department=str(department_id),
    )


def tenant_lock(*, tenant_id: UUID) -> None:
    """Until the commit, nobody else changes who belongs where in the tenant, its tree of departments or its keys.

    Whoever changes any of them takes this lock before any other, and the head of the audit trail last: in one order they
    never wait for each other in a circle. It is the row of the tree's root.
    """
    Department.objects.select_for_update(no_key=True).filter(tenant_id=tenant_id, parent=None).first()


def _keep_an_administrator(
    membership: Membership, role: Role = Role.MEMBER, clearance: Secrecy = Secrecy.PUBLIC
) -> None:
    """Raise Conflict if the membership, with that role and clearance from now on, would leave the root to nobody.

    Nobody but an administrator of the root makes another one, and nobody gives a clearance that they don't have.
    """
    if membership.role != Role.ADMIN or membership.department.parent_id is not None:
        return
    others = Membership.objects.filter(
        tenant_id=membership.tenant_id, department_id=membership.department_id, role=Role.ADMIN
    ).exclude(pk=membership.pk)
    if membership.clearance == Secrecy.SECRET:
        stays = role == Role.ADMIN and clearance == Secrecy.SECRET
        others = others.filter(clearance=Secrecy.SECRET)
    else:
        stays = role == Role.ADMIN
    if not stays and not others.exists():
        raise Conflict(
            code="last_administrator",
            detail=_("This is the organisation's last administrator with that clearance."),
            remedy=_("Make somebody else an administrator with the same clearance first."),
        )

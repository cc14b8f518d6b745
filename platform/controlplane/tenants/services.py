"""Tenants, departments and memberships: every change of who belongs where."""

import hashlib
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, InvalidInput
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.colors import check_brand_color
from controlplane.tenants.logos import normalised_logo
from controlplane.tenants.models import Department, DepartmentLogo, Membership, Role, Tenant
from controlplane.tenants.selectors import department_contents, department_tree

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
def tenant_rename(*, actor: str, tenant: Tenant, name: str) -> Tenant:
    """The caller has checked that `actor` administers it, or the platform."""
    if name == tenant.name:
        return tenant
    tenant.name = name
    with scoped(Scope(tenant_id=tenant.pk, actor=actor, unrestricted=True)):
        tenant.save(update_fields=["name"])
        record(
            tenant_id=tenant.pk, actor=actor, action="tenant.renamed", target=f"tenant:{tenant.pk}", name=name
        )
    return tenant


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
def department_change(*, tenant_id: UUID, actor: str, department: Department, **changes: str) -> Department:
    """Its `name`, `brand_name` or `brand_color`; an empty brand is that of the department above.

    Raises InvalidInput for a colour that white text cannot be read on.
    """
    tenant_lock(tenant_id=tenant_id)
    changed = {field: value for field, value in changes.items() if getattr(department, field) != value}
    if color := changed.get("brand_color"):
        check_brand_color(color=color)
    if not changed:
        return department
    for field, value in changed.items():
        setattr(department, field, value)
    department.save(update_fields=list(changed))
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="department.changed",
        target=f"department:{department.pk}",
        **changed,
    )
    return department


@transaction.atomic
def department_logo_set(*, tenant_id: UUID, actor: str, department: Department, content: bytes) -> None:
    """Raises TooLarge, UnsupportedMedia, InvalidInput."""
    png = normalised_logo(content=content)
    sha256 = hashlib.sha256(png).hexdigest()
    DepartmentLogo.objects.update_or_create(
        tenant_id=tenant_id, department=department, defaults={"png": png, "sha256": sha256}
    )
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="department.logo_set",
        target=f"department:{department.pk}",
        sha256=sha256,
    )


@transaction.atomic
def department_logo_remove(*, tenant_id: UUID, actor: str, department: Department) -> None:
    """Its own; that of the department above is shown from now on. Removing none is no error, and no event."""
    removed, _models = DepartmentLogo.objects.filter(tenant_id=tenant_id, department=department).delete()
    if removed:
        record(
            tenant_id=tenant_id,
            actor=actor,
            action="department.logo_removed",
            target=f"department:{department.pk}",
        )


@transaction.atomic
def department_delete(*, tenant_id: UUID, actor: str, department: Department) -> None:
    """One that is empty. Raises Conflict, which says what is in the way; also for the root."""
    tenant_lock(tenant_id=tenant_id)
    if department.parent_id is None:
        raise Conflict(
            code="department_root",
            detail=_("The topmost department is the organisation itself."),
            remedy=_("Rename it instead."),
        )
    with scoped(Scope(tenant_id=tenant_id, unrestricted=True)):
        occupied = department_contents(department=department)
        if not occupied:
            Department.objects.filter(tenant_id=tenant_id, pk=department.pk).delete()
    if occupied:
        raise Conflict(
            code="department_not_empty",
            detail=_("The department still has: %(contents)s.")
            % {"contents": ", ".join(f"{kind} ({count})" for kind, count in occupied.items())},
            remedy=_("Move these elsewhere or delete them first."),
            contents={str(kind): count for kind, count in occupied.items()},
        )
    record(
        tenant_id=tenant_id,
        actor=actor,
        action="department.deleted",
        target=f"department:{department.pk}",
        slug=department.slug,
    )


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
        tenant_id=membership.tenant_id,
        department_id=membership.department_id,
        role=Role.ADMIN,
        user__is_active=True,  # an account that has ended administers nothing
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

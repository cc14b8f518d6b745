"""Putting a person into a department, whether or not the platform knows them already; changing and ending that.

Every change takes the tenant's lock first and asks again what its principal holds: two that run at once do not deadlock,
and neither acts on rights that the other has just taken.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, Forbidden, fields_named
from controlplane.core.scope import Scope, current_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import (
    SCOPES_OF_ROLE,
    exceeding_keys,
    member_get,
    principal_now,
    was_member,
)
from controlplane.identity.services import keys_revoke, person_exists, user_create
from controlplane.tenants.models import Department, Membership, Role
from controlplane.tenants.selectors import department_get
from controlplane.tenants.services import membership_remove, membership_set, tenant_lock


@dataclass(frozen=True, slots=True)
class NewMember:
    """`name` and `password` are for a person who is new to the platform, and refused for one who is not."""

    email: str
    name: str
    password: str
    role: Role
    clearance: Secrecy


@transaction.atomic
def member_add(*, principal: Principal, department: Department, member: NewMember) -> Membership:
    """The membership; the person too, if the address is new.

    An administrator gives no clearance and no rights beyond their own. Raises Forbidden, InvalidInput, and Conflict for a
    person of another organisation: whoever made that account may know its password, so only the administrator of the
    platform brings it in. For the same reason a password or a name sent for an existing account is a Conflict: the
    caller takes for new what somebody else has made.
    """
    tenant_lock(tenant_id=principal.tenant)
    principal = principal_now(principal=principal)
    principal.require_admin(department.pk)
    if principal.is_key:
        _check_key_may(member)
    check_grant(principal, department, member.role, member.clearance)
    with scoped(replace(current_scope(), login_email=member.email.strip().lower())):
        user = _known(member.email)
        if user is not None:
            check_ours(principal.tenant, user)
        return _join(principal.tenant, principal.actor, department, user, member)


@transaction.atomic
def member_add_from_platform(
    *, principal: Principal, tenant_id: UUID, department: str, member: NewMember
) -> Membership:
    """By the administrator of the platform, in any tenant: the way in for people of other organisations, and out of a
    tenant that nobody administers any more. Raises NotFound, Conflict, InvalidInput.
    """
    with scoped(Scope(tenant_id=tenant_id, unrestricted=True, platform=True)):
        found = department_get(tenant_id=tenant_id, key=department)
        tenant_lock(tenant_id=tenant_id)
        return _join(tenant_id, principal.actor, found, _known(member.email), member)


@transaction.atomic
def member_change(
    *, principal: Principal, membership_id: UUID, role: Role | None = None, clearance: Secrecy | None = None
) -> Membership:
    """Also revokes the person's keys that exceed what they then hold. Raises NotFound, Forbidden, Conflict."""
    membership, principal = _locked(principal, membership_id)
    department = membership.department
    role = Role(membership.role) if role is None else role
    clearance = Secrecy(membership.clearance) if clearance is None else clearance
    if principal.is_key and role != membership.role:
        _check_key_grants(role)
    check_grant(principal, department, role, clearance)
    changed = membership_set(
        tenant_id=principal.tenant,
        actor=principal.actor,
        user_id=membership.user_id,
        department=department,
        role=role,
        clearance=clearance,
    )
    _revoke_exceeding(principal, membership.user_id)
    return changed


@transaction.atomic
def member_remove(*, principal: Principal, membership_id: UUID) -> None:
    """Also revokes the person's keys that exceed what they then hold. Raises NotFound, Forbidden, Conflict."""
    membership, principal = _locked(principal, membership_id)
    membership_remove(tenant_id=principal.tenant, actor=principal.actor, membership=membership)
    _revoke_exceeding(principal, membership.user_id)


@transaction.atomic
def people_export_note(*, principal: Principal) -> None:
    """That a list of people left the platform: of those whom the principal administers."""
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="people.exported",
        target=f"tenant:{principal.tenant}",
    )


def _locked(principal: Principal, membership_id: UUID) -> tuple[Membership, Principal]:
    """With what the principal now holds; it covers what the membership gives, which is about to be taken."""
    tenant_lock(tenant_id=principal.tenant)
    principal = principal_now(principal=principal)
    membership = member_get(principal=principal, membership_id=membership_id)
    check_grant(principal, membership.department, Role(membership.role), Secrecy(membership.clearance))
    return membership, principal


def _revoke_exceeding(principal: Principal, user_id: UUID) -> None:
    keys_revoke(
        tenant_id=principal.tenant,
        actor=principal.actor,
        key_ids=exceeding_keys(tenant_id=principal.tenant, user_id=user_id),
    )


def _known(email: str) -> User | None:
    return User.objects.filter(email=email.strip().lower()).first()


def _join(
    tenant_id: UUID, actor: str, department: Department, user: User | None, member: NewMember
) -> Membership:
    if user is None:
        user = user_create(actor=actor, email=member.email, password=member.password, name=member.name)
    elif Membership.objects.filter(tenant_id=tenant_id, user=user, department=department).exists():
        raise Conflict(
            code="member_exists",
            field="email",
            detail=_("This person is a member of the department already."),
            remedy=_("Change the membership instead."),
        )
    elif member.password or member.name:
        raise person_exists(field="password" if member.password else "name")
    return membership_set(
        tenant_id=tenant_id,
        actor=actor,
        user_id=user.pk,
        department=department,
        role=member.role,
        clearance=member.clearance,
    )


def _check_key_may(member: NewMember) -> None:
    """A person outlives the key that made them, and would keep what the key was given for a while."""
    _check_key_grants(member.role)
    if member.password:
        raise Forbidden(
            code="key_sets_password",
            field="password",
            detail=_("An API key may not make an account that somebody signs in with."),
            remedy=_("Let an administrator who has signed in add new people."),
        )


def _check_key_grants(role: Role) -> None:
    if role != Role.MEMBER:
        raise Forbidden(
            code="key_grants_role",
            field="role",
            detail=_("An API key may give no role above member."),
            remedy=_("Let an administrator who has signed in give it."),
        )


def check_grant(principal: Principal, department: Department, role: Role, clearance: Secrecy) -> None:
    """Raise Forbidden where the role or the clearance goes beyond what the principal holds in the department."""
    with fields_named(secrecy="clearance"):
        principal.require_clearance(clearance, department.pk)
    if more := SCOPES_OF_ROLE[role] - principal.scopes:
        raise Forbidden(
            code="scope_not_held",
            field="role",
            detail=_("The role allows what you may not do yourself: %(scope)s")
            % {"scope": ", ".join(sorted(more))},
            remedy=_("Choose a lower role, or let somebody give it who has these rights."),
        )


def check_ours(tenant_id: UUID, user: User) -> None:
    """A member, or somebody who was one and is a member of nothing now; a stranger's account may be anybody's."""
    if Membership.objects.filter(tenant_id=tenant_id, user=user).exists():
        return
    with scoped(Scope(user_id=user.pk)):
        elsewhere = Membership.objects.filter(user=user).exists()
    if elsewhere or not was_member(tenant_id=tenant_id, user_id=user.pk):
        raise Conflict(
            code="person_elsewhere",
            field="email",
            detail=_("This address belongs to somebody outside your organisation."),
            remedy=_("Ask the administrator of the platform to add them."),
        )

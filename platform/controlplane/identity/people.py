"""Putting a person into a department, whether or not the platform knows them already."""

from dataclasses import dataclass, replace

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Conflict, Forbidden, fields_named
from controlplane.core.scope import current_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import SCOPES_OF_ROLE
from controlplane.identity.services import api_key_revoke, person_exists, user_create
from controlplane.tenants.models import Department, Membership, Role
from controlplane.tenants.selectors import department_tree
from controlplane.tenants.services import membership_remove, membership_set


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
    """Make or change the membership; create the person if the address is new.

    An administrator gives, and takes, no clearance and no rights beyond their own. Raises Forbidden, InvalidInput, and
    Conflict for a person of another organisation: whoever made that account may know its password, so only the
    administrator of the platform brings it in. For the same reason a password or a name sent for an existing account
    is a Conflict: the caller takes for new what somebody else has made.
    """
    principal.require_admin(department.pk)
    if principal.is_key:
        _check_key_may(member)
    _check_grant(principal, department, member.role, member.clearance)
    email = member.email.strip().lower()
    with scoped(replace(current_scope(), login_email=email)):
        user = User.objects.filter(email=email).first()
        if user is None:
            user = user_create(actor=principal.actor, email=email, password=member.password, name=member.name)
        else:
            _check_present(principal, user, department)
            if member.password or member.name:
                raise person_exists(field="password" if member.password else "name")
        return membership_set(
            tenant_id=principal.tenant,
            actor=principal.actor,
            user_id=user.pk,
            department=department,
            role=member.role,
            clearance=member.clearance,
        )


@transaction.atomic
def member_remove(*, principal: Principal, membership: Membership) -> None:
    """Also revokes the keys that the person made there. Raises Forbidden, Conflict."""
    department = membership.department
    principal.require_admin(department.pk)
    _check_grant(principal, department, Role(membership.role), Secrecy(membership.clearance))
    beneath = department_tree(tenant_id=principal.tenant).subtree([department.pk])
    for key in ApiKey.objects.filter(
        tenant_id=principal.tenant,
        created_by=f"user:{membership.user_id}",
        department_id__in=beneath,
        revoked_at=None,
    ):
        api_key_revoke(principal=principal, key=key)
    membership_remove(tenant_id=principal.tenant, actor=principal.actor, membership=membership)


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


def _check_grant(principal: Principal, department: Department, role: Role, clearance: Secrecy) -> None:
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


def _check_present(principal: Principal, user: User, department: Department) -> None:
    present = list(Membership.objects.filter(tenant_id=principal.tenant, user=user))
    if not present and not principal.is_platform_admin:
        raise Conflict(
            code="person_elsewhere",
            field="email",
            detail=_("This address belongs to somebody outside your organisation."),
            remedy=_("Ask the administrator of the platform to add them."),
        )
    for membership in present:
        if membership.department_id == department.pk:
            _check_grant(principal, department, Role(membership.role), Secrecy(membership.clearance))

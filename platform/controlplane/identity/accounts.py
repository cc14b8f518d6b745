"""Ending and reopening somebody's account, giving it a new password, and what the person is called.

Whoever sets a password may sign in with it, and an account ends for everybody who relies on it. So both are for those who
hold all that the person holds, and for an account that no other organisation shares; where one does, for the administrator
of the platform. The name is the person's own to change too.
"""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record, record_of_platform
from controlplane.core.problems import Conflict, Forbidden, InvalidInput, Problem
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.directory import has_another_administrator, is_shared, person_get
from controlplane.identity.models import ApiKey, User
from controlplane.identity.passwords import password_generate
from controlplane.identity.people import check_grant
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import credential_ended, person_of_credential, principal_now, tenants_of
from controlplane.identity.services import check_strength, keys_revoke
from controlplane.tenants.models import Role
from controlplane.tenants.selectors import membership_list
from controlplane.tenants.services import tenant_lock

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class NewPassword:
    user: User
    password: str


@transaction.atomic
def account_deactivate(*, principal: Principal, user_id: UUID) -> User:
    """The person's sessions end with their next request, and the keys that they made are revoked. Doing it twice is no error.

    Raises NotFound, Forbidden, Conflict.
    """
    user, tenants = _account(principal, user_id)
    if not user.is_active:
        return user
    for tenant_id in tenants:
        with scoped(_sight(principal, tenant_id)):
            if not has_another_administrator(tenant_id=tenant_id, user=user):
                raise _last_administrator()
    _set_active(user, active=False)
    _record(principal, user, tenants, "user.deactivated")
    for tenant_id in tenants:
        with scoped(_sight(principal, tenant_id)):
            keys = ApiKey.objects.filter(tenant_id=tenant_id, created_by=f"user:{user.pk}", revoked_at=None)
            keys_revoke(tenant_id=tenant_id, actor=principal.actor, key_ids=keys.values_list("pk", flat=True))
    return user


@transaction.atomic
def account_reactivate(*, principal: Principal, user_id: UUID) -> User:
    """With the memberships and the password of before; revoked keys stay so. Raises NotFound, Forbidden, Conflict."""
    user, tenants = _account(principal, user_id)
    if not user.is_active:
        _set_active(user, active=True)
        _record(principal, user, tenants, "user.reactivated")
    return user


@transaction.atomic
def account_password_reset(*, principal: Principal, user_id: UUID, password: str = "") -> NewPassword:
    """Ends the person's sessions. Without `password` the platform chooses one; this is the only time that it is seen.

    Raises NotFound, Forbidden, Conflict, and InvalidInput naming `password`.
    """
    person = person_get(principal=principal, user_id=user_id)
    chosen = password or password_generate()
    check_strength(user=person, password=chosen)
    hashed = make_password(chosen)  # slow on purpose, so before anything is locked
    user, tenants = _account(principal, user_id)
    with scoped(Scope(user_id=user.pk)):
        User.objects.filter(pk=user.pk).update(password=hashed)
    _record(principal, user, tenants, "user.password_reset")
    return NewPassword(user=user, password=chosen)


@transaction.atomic
def account_rename(*, principal: Principal, user_id: UUID, name: str) -> User:
    """Everywhere, for all who see the person: by themselves, or by who may decide over the account.

    Raises NotFound, Forbidden, Conflict, and InvalidInput naming `name`.
    """
    name = " ".join(name.replace("\x00", "").split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise InvalidInput(
            code="invalid_field",
            field="name",
            detail=_("A name has between one and %(most)s characters.") % {"most": LONGEST_NAME},
        )
    own = user_id == principal.user_id and not principal.by_token
    user, tenants = _own_account(user_id) if own else _account(principal, user_id)
    if user.name != name:
        before = user.name
        with scoped(Scope(user_id=user.pk)):
            User.objects.filter(pk=user.pk).update(name=name)
        user.name = name
        _record(principal, user, tenants, "user.renamed", name=name, before=before)
    return user


def account_obstacle(*, principal: Principal, user: User) -> Problem | None:
    """Why the principal may not decide over the account, if so."""
    try:
        _check_may(principal, user)
    except Problem as problem:
        return problem
    return None


def _own_account(user_id: UUID) -> tuple[User, list[UUID]]:
    user = person_of_credential(user_id=user_id)
    if user is None:
        raise credential_ended()
    return user, tenants_of(user=user)


def _account(principal: Principal, user_id: UUID) -> tuple[User, list[UUID]]:
    """The person and the tenants that the account is in, locked, once the principal may decide over it."""
    user = person_get(principal=principal, user_id=user_id)
    tenants = tenants_of(user=user) if principal.is_platform_admin else [principal.tenant]
    for tenant_id in tenants:  # in one order, whoever asks
        with scoped(_sight(principal, tenant_id)):
            tenant_lock(tenant_id=tenant_id)
    principal = principal_now(principal=principal)
    user = person_get(principal=principal, user_id=user_id)
    _check_may(principal, user)
    return user, tenants


def _check_may(principal: Principal, user: User) -> None:
    _check_kind(principal, user)
    if not principal.is_platform_admin and is_shared(tenant_id=principal.tenant, user=user):
        raise Conflict(
            code="account_shared",
            detail=_("This person also belongs to another organisation, and the account is theirs in both."),
            remedy=_("Remove the memberships here, or ask the administrator of the platform."),
        )
    for membership in membership_list(tenant_id=principal.tenant).filter(user=user):
        if membership.department_id not in principal.admin_departments:
            raise Forbidden(
                code="account_beyond",
                detail=_("This person also belongs to departments that you do not administer."),
                remedy=_("Ask an administrator of the whole organisation."),
            )
        check_grant(principal, membership.department, Role(membership.role), Secrecy(membership.clearance))


def _check_kind(principal: Principal, user: User) -> None:
    if principal.is_key:
        raise Forbidden(
            code="key_decides_accounts",
            detail=_("An API key may not decide over an account that somebody signs in with."),
            remedy=_("Let an administrator who has signed in do it."),
        )
    if user.pk == principal.user_id:
        raise Conflict(
            code="own_account",
            detail=_("This is your own account."),
            remedy=_(
                "Change your password in the menu of your name; another administrator can end the account."
            ),
        )
    if user.is_platform_admin and not principal.is_platform_admin:
        raise Forbidden(
            code="platform_account",
            detail=_("This is the account of an administrator of the platform."),
            remedy=_("Ask another administrator of the platform."),
        )


def _set_active(user: User, *, active: bool) -> None:
    with scoped(Scope(user_id=user.pk)):
        User.objects.filter(pk=user.pk).update(is_active=active)
    user.is_active = active


def _record(principal: Principal, user: User, tenants: list[UUID], action: str, **data: str) -> None:
    event = {"actor": principal.actor, "action": action, "target": f"user:{user.pk}", **data}
    # The platform's first and the tenants' in one order: each head is held until the commit.
    if user.is_platform_admin or not tenants:
        with scoped(Scope(actor=principal.actor)):
            record_of_platform(**event)
    for tenant_id in tenants:
        with scoped(_sight(principal, tenant_id)):
            record(tenant_id=tenant_id, **event)


def _sight(principal: Principal, tenant_id: UUID) -> Scope:
    return Scope(tenant_id=tenant_id, actor=principal.actor, unrestricted=True)


def _last_administrator() -> Conflict:
    return Conflict(
        code="last_administrator",
        detail=_("This is the organisation's last administrator with that clearance."),
        remedy=_("Make somebody else an administrator with the same clearance first."),
    )

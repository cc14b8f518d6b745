"""Keys, people, sign-in."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Forbidden, InvalidInput
from controlplane.core.scope import Scope, current_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import KEY_MARK, key_hash
from controlplane.tenants.models import Department

_LAST_USED_PRECISION = timedelta(minutes=1)


@transaction.atomic
def api_key_create(
    *,
    principal: Principal,
    department: Department,
    name: str,
    scopes: Sequence[str],
    clearance: Secrecy,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """The row, and the key itself: this is the only time anybody sees it.

    A key can do no more than the one who makes it. Raises Forbidden, InvalidInput.
    """
    _check_key(principal, department, scopes, clearance, expires_at)
    presented = KEY_MARK + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant_id=principal.tenant,
        name=name,
        department=department,
        prefix=presented[:11],
        key_hash=key_hash(presented),
        scopes=sorted(set(scopes)),
        clearance=clearance,
        created_by=principal.actor,
        expires_at=expires_at,
    )
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="api_key.created",
        target=f"api_key:{key.pk}",
        name=name,
        department=department.slug,
        scopes=key.scopes,
        clearance=clearance.slug,
    )
    return key, presented


def _check_key(
    principal: Principal,
    department: Department,
    scopes: Sequence[str],
    clearance: Secrecy,
    expires_at: datetime | None,
) -> None:
    principal.require_write(department.pk)
    principal.require_clearance(clearance)
    if unknown := set(scopes) - set(KeyScope.values):
        raise InvalidInput(
            code="unknown_scope",
            field="scopes",
            detail=_("Unknown scope: %(scope)s") % {"scope": ", ".join(sorted(unknown))},
            remedy=_("Choose among: %(scopes)s") % {"scopes": ", ".join(KeyScope.values)},
        )
    if more := set(scopes) - principal.scopes:
        raise Forbidden(
            code="scope_not_held",
            field="scopes",
            detail=_("A key cannot do more than its maker: %(scope)s") % {"scope": ", ".join(sorted(more))},
        )
    if expires_at and expires_at <= timezone.now():
        raise InvalidInput(
            code="expiry_in_the_past",
            field="expires_at",
            detail=_("The key would be expired from the start."),
        )


@transaction.atomic
def api_key_revoke(*, principal: Principal, key: ApiKey) -> ApiKey:
    """Takes effect with the next request. Revoking twice is no error."""
    principal.require_write(key.department_id)
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action="api_key.revoked",
            target=f"api_key:{key.pk}",
            name=key.name,
        )
    return key


def api_key_touch(*, principal: Principal) -> None:
    """Note that the key was used, at most once a minute."""
    kind, _sep, key_id = principal.actor.partition(":")
    if kind != "key":
        return
    now = timezone.now()
    with scoped(principal.scope()):
        ApiKey.objects.filter(pk=key_id).exclude(last_used_at__gt=now - _LAST_USED_PRECISION).update(
            last_used_at=now
        )


@transaction.atomic
def user_create(*, email: str, password: str, name: str = "", is_platform_admin: bool = False) -> User:
    """A person without memberships. Raises InvalidInput naming `email` or `password`."""
    email = email.strip().lower()
    with scoped(_with_login(email)):
        if User.objects.filter(email=email).exists():
            raise InvalidInput(
                code="email_taken", field="email", detail=_("There is already a person with this address.")
            )
        user = User(email=email, name=name, is_platform_admin=is_platform_admin)
        _check_password(user, password)
        user.set_password(password)
        user.save()
        return user


@transaction.atomic
def password_set(*, user: User, password: str) -> None:
    """Ends the person's other sessions. Raises InvalidInput naming `password`."""
    _check_password(user, password)
    user.set_password(password)
    user.save(update_fields=["password"])


def _check_password(user: User, password: str) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(code="weak_password", field="password", detail=" ".join(error.messages)) from error


def _with_login(email: str) -> Scope:
    return replace(current_scope(), login_email=email)

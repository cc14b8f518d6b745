"""Keys, people, sign-in."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record, record_of_platform
from controlplane.core.problems import Conflict, Forbidden, InvalidInput, fields_named
from controlplane.core.scope import current_scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import KEY_MARK, key_hash, keys_made_by, principal_now
from controlplane.tenants.models import Department
from controlplane.tenants.services import tenant_lock

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
    tenant_lock(tenant_id=principal.tenant)
    principal = principal_now(principal=principal)
    with fields_named(secrecy="clearance"):
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
    principal.require_admin(department.pk)
    principal.require_clearance(clearance, department.pk)
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
            remedy=_("Leave these scopes out, or let somebody make the key who has them."),
        )
    _check_expiry(principal, expires_at)


def _check_expiry(principal: Principal, expires_at: datetime | None) -> None:
    if expires_at and expires_at <= timezone.now():
        raise InvalidInput(
            code="expiry_in_the_past",
            field="expires_at",
            detail=_("The key would be expired from the start."),
            remedy=_("Choose a later moment, or leave it out."),
        )
    if principal.expires_at and (expires_at is None or expires_at > principal.expires_at):
        raise Forbidden(
            code="outlives_maker",
            field="expires_at",
            detail=_("A key cannot outlive the key that makes it."),
            remedy=_("Choose an expiry up to %(latest)s.") % {"latest": principal.expires_at.isoformat()},
        )


@transaction.atomic
def api_key_revoke(*, principal: Principal, key: ApiKey) -> ApiKey:
    """Takes effect with the next request, also for the keys that this one has made. Revoking twice is no error."""
    tenant_lock(tenant_id=principal.tenant)
    principal_now(principal=principal).require_admin(key.department_id)
    keys_revoke(tenant_id=principal.tenant, actor=principal.actor, key_ids=[key.pk])
    key.refresh_from_db(fields=["revoked_at"])
    return key


def keys_revoke(*, tenant_id: UUID, actor: str, key_ids: Iterable[UUID]) -> None:
    """With all that they have made, wherever that acts now: the right to end a key is the right to end its work.

    The caller holds the tenant's lock and has checked the right.
    """
    ids = keys_made_by(tenant_id=tenant_id, key_ids=key_ids)
    ending = list(ApiKey.objects.select_for_update().filter(pk__in=ids, revoked_at=None).order_by("pk"))
    ApiKey.objects.filter(pk__in=[key.pk for key in ending]).update(revoked_at=timezone.now())
    for key in ending:
        record(
            tenant_id=tenant_id,
            actor=actor,
            action="api_key.revoked",
            target=f"api_key:{key.pk}",
            name=key.name,
        )


def api_key_touch(*, principal: Principal) -> None:
    """Note that the key was used, at most once a minute, and never waiting for another request of the same key.

    After the request's commit: a request that held the key's row would wait in a circle with the key's revocation.
    """
    kind, _sep, key_id = principal.actor.partition(":")
    now = timezone.now()
    used = principal.key_last_used_at
    if kind != "key" or (used and used > now - _LAST_USED_PRECISION):
        return

    def touch() -> None:
        with scoped(principal.scope()):
            free = ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key_id)
            ApiKey.objects.filter(pk__in=free.values("pk")).update(last_used_at=now)

    transaction.on_commit(touch, robust=True)


@transaction.atomic
def user_create(
    *,
    actor: str,
    email: str,
    password: str,
    name: str = "",
    is_platform_admin: bool = False,
    hashed: str = "",
) -> User:
    """A person without memberships. Audited in the tenant in sight, else by the platform.

    `hashed` is the password's hash where it was computed beforehand, which takes a while, and a lock is held now.
    Raises InvalidInput naming `email` or `password`.
    """
    email = email.strip().lower()
    with scoped(replace(current_scope(), login_email=email)):
        if User.objects.filter(email=email).exists():
            raise _email_taken()
        user = User(email=email, name=name, is_platform_admin=is_platform_admin)
        check_strength(user=user, password=password)
        user.password = hashed or make_password(password)
        try:
            with transaction.atomic():
                user.save(force_insert=True)
        except IntegrityError as error:
            raise _email_taken() from error
    event = {"actor": actor, "action": "user.created", "target": f"user:{user.pk}", "email": email}
    tenant_id = current_scope().tenant_id
    if is_platform_admin or not tenant_id:
        record_of_platform(**event, is_platform_admin=is_platform_admin)
    if tenant_id:
        record(tenant_id=tenant_id, **event)
    return user


@transaction.atomic
def password_reset(*, actor: str, user: User, password: str) -> None:
    """By the operator. Ends the person's sessions. Raises InvalidInput naming `password`. The scope must be the platform's."""
    check_strength(user=user, password=password)
    user.set_password(password)
    user.save(update_fields=["password"])
    record_of_platform(actor=actor, action="user.password_reset", target=f"user:{user.pk}")


def check_strength(*, user: User, password: str) -> None:
    """Raises InvalidInput naming `password`."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            code="weak_password",
            field="password",
            detail=" ".join(error.messages),
            remedy=_("Choose a longer one that is neither common nor like the name or the address."),
        ) from error


def person_exists(*, field: str) -> Conflict:
    return Conflict(
        code="person_exists",
        field=field,
        detail=_("There is already a person with this address; a password or a name is for somebody new."),
        remedy=_(
            "Leave out the password and the name once you are sure that the account is theirs, or use another address."
        ),
    )


def _email_taken() -> InvalidInput:
    return InvalidInput(
        code="email_taken",
        field="email",
        detail=_("There is already a person with this address."),
        remedy=_("Use another address, or send it again without a password."),
    )

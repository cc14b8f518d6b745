"""Signing in and out with a browser session, and changing one's password.

The views around these have no transaction of their own: what a refusal records must outlive the refusal, and no
transaction is open while a password is hashed.
"""

from django.contrib.auth import authenticate, get_user, login, logout, update_session_auth_hash
from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record, record_of_platform
from controlplane.core.problems import Conflict, Forbidden, fields_named
from controlplane.core.scope import Scope, scoped
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user, tenants_of
from controlplane.identity.services import check_strength

_SENT_AS = {"password": "new"}


def session_start(*, request: HttpRequest, email: str, password: str) -> Principal:
    """Raises Forbidden, with the same words for a wrong password and for an unknown address."""
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        _record_refusal(email)
        raise Forbidden(
            code="wrong_password",
            detail=_("The e-mail address or the password is wrong."),
            remedy=_("Check both; an administrator can help who has forgotten the password."),
        )
    principal = principal_of_user(user=user)
    with scoped(principal.scope()):
        login(request, user)
        _record(user, "session.started")
    return principal


def session_end(*, request: HttpRequest) -> None:
    """No error for somebody who is not signed in."""
    user = get_user(request)
    if not isinstance(user, User):
        logout(request)
        return
    with transaction.atomic():
        logout(request)
        _record(user, "session.ended")


def password_change(*, request: HttpRequest, principal: Principal, current: str, new: str) -> None:
    """The person's own. Ends their other sessions. Raises Forbidden for a wrong `current`, InvalidInput for a weak one."""
    user = _person(principal)
    if user is None or not check_password(current, user.password):
        if user is not None:
            with transaction.atomic():
                _record(user, "user.password_refused", target=f"user:{user.pk}")
        raise Forbidden(
            code="wrong_password",
            field="current",
            detail=_("The present password is wrong."),
            remedy=_("Send the password that you sign in with now; an API key has none."),
        )
    with fields_named(**_SENT_AS):
        check_strength(user=user, password=new)
    hashed, known = make_password(new), user.password
    with scoped(Scope(user_id=user.pk)):
        if not User.objects.filter(pk=user.pk, password=known).update(password=hashed):
            raise Conflict(
                code="conflict",
                detail=_("Another request changed the same thing."),
                remedy=_("Read it again, and repeat what is still needed."),
            )
        user.password = hashed
        request.user = user  # where the REST framework has put the principal
        update_session_auth_hash(request, user)
        _record(user, "user.password_changed", target=f"user:{user.pk}")


def _person(principal: Principal) -> User | None:
    if principal.user_id is None:
        return None
    with scoped(Scope(user_id=principal.user_id)):
        return User.objects.filter(pk=principal.user_id).first()


def _record_refusal(email: str) -> None:
    """Nobody's, for an address that nobody has."""
    email = email.strip().lower()
    with scoped(Scope(login_email=email)):
        user = User.objects.filter(email=email).first()
    if user is not None:
        with transaction.atomic():
            _record(user, "session.refused", actor="system", target=f"user:{user.pk}")


def _record(user: User, action: str, *, actor: str = "", target: str = "") -> None:
    """In the trail of each organisation that the person belongs to; in the platform's for its administrators, and for
    somebody who belongs to none.
    """
    actor, tenants = actor or f"user:{user.pk}", tenants_of(user=user)
    # The platform's first and the tenants' in one order: each head is held until the commit.
    if not tenants or user.is_platform_admin:
        with scoped(Scope(actor=actor)):
            record_of_platform(actor=actor, action=action, target=target)
    for tenant_id in tenants:
        with scoped(Scope(tenant_id=tenant_id, actor=actor, unrestricted=actor == "system")):
            record(tenant_id=tenant_id, actor=actor, action=action, target=target)

"""Signing in and out with a browser session.

The views around these have no transaction of their own: what a refusal records must outlive the refusal, and no
transaction is open while a password is hashed.
"""

from django.contrib.auth import authenticate, get_user, login, logout
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user


def session_start(*, request: HttpRequest, email: str, password: str) -> Principal:
    """Raises Forbidden, with the same words for a wrong password and for an unknown address."""
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        _record_refusal(email)
        raise Forbidden(code="wrong_password", detail=_("The e-mail address or the password is wrong."))
    principal = principal_of_user(user=user)
    with scoped(principal.scope()):
        login(request, user)
        if principal.tenant_id:
            record(tenant_id=principal.tenant_id, actor=principal.actor, action="session.started")
    return principal


def session_end(*, request: HttpRequest) -> None:
    """No error for somebody who is not signed in."""
    user = get_user(request)
    if not isinstance(user, User):
        logout(request)
        return
    principal = principal_of_user(user=user)
    with scoped(principal.scope()):
        logout(request)
        if principal.tenant_id:
            record(tenant_id=principal.tenant_id, actor=principal.actor, action="session.ended")


def _record_refusal(email: str) -> None:
    """In the trail of the organisation that the person belongs to; nobody's, for an address that nobody has."""
    email = email.strip().lower()
    with scoped(Scope(login_email=email)):
        user = User.objects.filter(email=email).first()
    tenant_id = principal_of_user(user=user).tenant_id if user else None
    if user is None or tenant_id is None:
        return
    with tenant_scope(tenant_id):
        record(tenant_id=tenant_id, actor="system", action="session.refused", target=f"user:{user.pk}")

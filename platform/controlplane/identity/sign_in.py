"""Signing in and out with a browser session."""

from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope, scoped
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_user


def session_start(*, request: HttpRequest, email: str, password: str) -> Principal:
    """Raises Forbidden, with the same words for a wrong password and for an unknown address."""
    user = authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise Forbidden(code="wrong_password", detail=_("The e-mail address or the password is wrong."))
    with scoped(Scope(user_id=user.pk)):
        login(request, user)
    principal = principal_of_user(user=user)
    if principal.tenant_id:
        with scoped(principal.scope()):
            record(tenant_id=principal.tenant_id, actor=principal.actor, action="session.started")
    return principal


def session_end(*, request: HttpRequest) -> None:
    logout(request)

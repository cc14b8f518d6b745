"""Turns the credential of an API request into a principal, and opens the database to what the principal may see."""

import time
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from controlplane.core.problems import Forbidden
from controlplane.core.scope import enter_scope
from controlplane.identity.chat_tokens import TOKEN_MARK, principal_of_token
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import own_tenants, principal_of_key, principal_of_user
from controlplane.identity.services import api_key_touch

TENANT_HEADER = "X-Karez-Tenant"
TENANT_IN_SESSION = "tenant"
_USED = "used_at"


def _unreached(request: HttpRequest) -> HttpResponse:
    """What Django's CSRF middleware would call next; only its verdict is wanted."""
    return HttpResponse(status=204)


def asked_tenant(request: Request) -> UUID | None:
    """The tenant that the request names. Raises ParseError."""
    try:
        return UUID(request.headers[TENANT_HEADER]) if TENANT_HEADER in request.headers else None
    except ValueError as error:
        raise exceptions.ParseError(_("X-Karez-Tenant is not an identifier of a tenant.")) from error


def _transaction() -> AbstractContextManager[None]:
    """The request's. Views that are not in one transaction get one of their own, and open their scopes themselves."""
    return nullcontext() if connection.in_atomic_block else transaction.atomic()


class MembershipEnded(Forbidden):
    """The person is no member any more of the organisation that the session was in; it is in another one now."""

    def __init__(self, principal: Principal) -> None:
        own = own_tenants(user_id=principal.user_id)
        name = next((tenant.name for tenant in own if tenant.pk == principal.tenant_id), "")
        super().__init__(
            code="membership_ended",
            detail=_("You are no longer a member of the organisation that you worked in. Nothing was done."),
            remedy=_("From now on you work in “%(name)s”. Go on there, or sign out.") % {"name": name},
        )
        self.principal = principal


def session_principal(*, request: HttpRequest, user: User, tenant_id: UUID | None = None) -> Principal:
    """The person in the tenant asked for, else in the one that the session is in, else in their first.

    Raises MembershipEnded, once, for who left the one that the session was in: what was asked for in one organisation is not
    done in another.
    """
    if tenant_id is not None:
        return principal_of_user(user=user, tenant_id=tenant_id)
    kept = request.session.get(TENANT_IN_SESSION)
    principal = principal_of_user(user=user, tenant_id=UUID(str(kept)) if kept else None)
    if kept is None or principal.tenant_id is not None or principal.suspension is not None:
        session_keep(request, principal)
        return principal
    another = principal_of_user(user=user)
    if another.tenant_id is None:
        return another
    session_keep(request, another)
    raise MembershipEnded(another)


def session_keep(request: HttpRequest, principal: Principal) -> None:
    """The session is in the principal's tenant from now on."""
    tenant = str(principal.tenant_id) if principal.tenant_id else None
    if tenant is not None and request.session.get(TENANT_IN_SESSION) != tenant:
        request.session[TENANT_IN_SESSION] = tenant


def session_renew(request: HttpRequest) -> None:
    """A session ends when it is not used for a while. It is written a dozen times in that while, at most."""
    now, used = int(time.time()), request.session.get(_USED, 0)
    if now - used > settings.SESSION_COOKIE_AGE // 12:
        request.session[_USED] = now


class InvalidCredential(exceptions.AuthenticationFailed):
    default_code = "invalid_credential"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer kz_…`"""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        scheme, _space, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        principal = principal_of_key(presented=presented.strip())
        if principal is None:
            raise InvalidCredential(_("The API key is unknown, revoked or expired."))
        with _transaction():
            api_key_touch(principal=principal)
            enter_scope(principal.scope())
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="karez"'


class ChatTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer kt_…`: a chat that acts for the person who has signed in."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        scheme, _space, presented = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not presented.strip().startswith(TOKEN_MARK):
            return None
        principal = principal_of_token(presented=presented.strip())
        if principal is None:
            raise InvalidCredential(_("The token has expired or was ended."))
        with _transaction():
            enter_scope(principal.scope())
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="karez"'


class PrincipalSessionAuthentication(BaseAuthentication):
    """The session cookie, with CSRF protection. `X-Karez-Tenant` names the tenant for people who belong to several."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        user = getattr(request._request, "user", None)
        if not isinstance(user, User) or not user.is_active:
            return None
        self._enforce_csrf(request)
        principal = session_principal(request=request._request, user=user, tenant_id=asked_tenant(request))
        # The platform's administrators go on: what they hold beyond the organisation, they hold without it.
        if principal.suspension is not None and not principal.is_platform_admin:
            raise principal.suspension.problem()
        session_renew(request._request)
        with _transaction():
            enter_scope(principal.scope())
        return principal, principal

    def _enforce_csrf(self, request: Request) -> None:
        check = CSRFCheck(_unreached)
        check.process_request(request._request)
        if reason := check.process_view(request._request, _unreached, (), {}):
            raise exceptions.PermissionDenied(f"CSRF: {reason}")

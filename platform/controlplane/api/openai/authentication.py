"""From the key, or the token of a chat, that a request presents to its principal."""

from django.utils.translation import gettext as _
from starlette.requests import Request

from controlplane.api.openai.errors import Unauthorised, scope_missing
from controlplane.core.offload import in_thread
from controlplane.identity.chat_tokens import TOKEN_MARK, principal_of_token
from controlplane.identity.key_cache import KeyCache
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_key
from controlplane.identity.services import api_key_touch


async def authenticated(request: Request, *, scope: KeyScope | None = None) -> Principal:
    """The credential's principal. Raises Unauthorised, and Forbidden for one without the scope.

    It is looked up anew each time: a revoked key, or the token of an account that was ended, stops with the next request.
    """
    scheme, _space, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented.strip():
        raise credential_missing()
    presented = presented.strip()
    principal = await in_thread(_principal, presented)
    if principal is None:
        raise _not_valid(presented)
    if scope and scope not in principal.scopes:
        raise scope_missing(scope)
    return principal


async def principal_of_credential(*, presented: str, keys: KeyCache) -> Principal:
    """As `authenticated`, of a key from memory where it is known there. Raises Unauthorised."""
    if presented.startswith(TOKEN_MARK):
        principal = await in_thread(principal_of_token, presented=presented)
    else:
        principal = await keys.principal(presented=presented)
    if principal is None:
        raise _not_valid(presented)
    return principal


def credential_missing() -> Unauthorised:
    return Unauthorised(
        code="not_authenticated",
        detail=_("No API key was presented."),
        remedy=_("Send it as “Authorization: Bearer kz_…”."),
    )


def _not_valid(presented: str) -> Unauthorised:
    return _token_ended() if presented.startswith(TOKEN_MARK) else _unknown_key()


def _unknown_key() -> Unauthorised:
    return Unauthorised(
        code="invalid_credential",
        detail=_("The API key is unknown, revoked or expired."),
        remedy=_("Ask an administrator of your department for a new key."),
    )


def _token_ended() -> Unauthorised:
    return Unauthorised(
        code="invalid_credential",
        detail=_("The token has expired or was ended."),
        remedy=_("Fetch another one from /api/v1/session/token, or sign in again."),
    )


def _principal(presented: str) -> Principal | None:
    if presented.startswith(TOKEN_MARK):
        return principal_of_token(presented=presented)
    principal = principal_of_key(presented=presented)
    if principal:
        api_key_touch(principal=principal)
    return principal

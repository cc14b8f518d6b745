"""From the key that a request presents to its principal."""

from django.utils.translation import gettext as _
from starlette.requests import Request

from controlplane.api.openai.errors import Unauthorised, scope_missing
from controlplane.core.offload import in_thread
from controlplane.identity.models import KeyScope
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_of_key
from controlplane.identity.services import api_key_touch


async def authenticated(request: Request, *, scope: KeyScope | None = None) -> Principal:
    """The key's principal. Raises Unauthorised, and Forbidden for a key without the scope.

    The key is looked up anew each time: a revoked one stops working with the next request.
    """
    scheme, _space, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not presented.strip():
        raise Unauthorised(
            code="not_authenticated",
            detail=_("No API key was presented."),
            remedy=_("Send it as “Authorization: Bearer kz_…”."),
        )
    principal = await in_thread(_principal, presented.strip())
    if principal is None:
        raise Unauthorised(
            code="invalid_credential",
            detail=_("The API key is unknown, revoked or expired."),
            remedy=_("Ask an administrator of your department for a new key."),
        )
    if scope and scope not in principal.scopes:
        raise scope_missing(scope)
    return principal


def _principal(presented: str) -> Principal | None:
    principal = principal_of_key(presented=presented)
    if principal:
        api_key_touch(principal=principal)
    return principal

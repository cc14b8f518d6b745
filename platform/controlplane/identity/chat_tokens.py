"""Short-lived tokens with which a chat acts for the person who has signed in.

A token is signed, not stored: it names the person and the tenant, and carries a digest of what the person's sessions hang
on. So it ends by its age, with a change of the password, with the account, and with the last membership in the tenant;
everything else about the person is read anew with each request.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.signing import BadSignature, TimestampSigner
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import credential_ended, person_of_credential, principal_of_user
from controlplane.tenants.models import Tenant
from controlplane.tenants.selectors import tenant_list

TOKEN_MARK = "kt_"  # noqa: S105 - what every token begins with
LIFETIME = timedelta(minutes=5)
_SALT = "controlplane.identity.chat_tokens"
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class ChatToken:
    """`console`: whether the person may use the console too."""

    token: str
    expires_at: datetime
    user: User
    tenant: Tenant
    console: bool


def chat_token_for(*, principal: Principal) -> ChatToken:
    """For the person, in the principal's tenant. Raises Forbidden for who has none, or whose account ended."""
    tenant_id = principal.tenant
    user = person_of_credential(user_id=principal.user_id) if principal.user_id else None
    if user is None:
        raise credential_ended()
    content = {"user": str(user.pk), "tenant": str(tenant_id), "session": _session_mark(user)}
    # Counted from before the signature, which has whole seconds: it is never said to last longer than it does.
    now = timezone.now().replace(microsecond=0)
    return ChatToken(
        token=TOKEN_MARK + _signer().sign_object(content),
        expires_at=now + LIFETIME,
        user=user,
        tenant=tenant_list().get(pk=tenant_id),
        console=bool(principal.write_departments) or principal.is_platform_admin,
    )


def principal_of_token(*, presented: str) -> Principal | None:
    """With a member's rights, whatever else the person may do. None for a token that does not hold (any more).

    Raises Forbidden for a suspended organisation. Opens transactions of its own.
    """
    content = _content(presented)
    if content is None:
        return None
    user = person_of_credential(user_id=UUID(content["user"]))
    if user is None or not constant_time_compare(content["session"], _session_mark(user)):
        return None
    principal = principal_of_user(user=user, tenant_id=UUID(content["tenant"]))
    if principal.suspension is not None:
        raise principal.suspension.problem()
    return None if principal.tenant_id is None else principal.lent()


def _content(presented: str) -> dict[str, Any] | None:
    if not presented.startswith(TOKEN_MARK) or len(presented) > _LONGEST:
        return None
    try:
        content: dict[str, Any] = _signer().unsign_object(
            presented.removeprefix(TOKEN_MARK), max_age=LIFETIME
        )
    except BadSignature:
        return None
    return content


def _signer() -> TimestampSigner:
    # The usual separator is no character of a bearer token (RFC 6750).
    return TimestampSigner(salt=_SALT, sep=".")


def _session_mark(user: User) -> str:
    """Changes with the password. Not the session's own hash, which is nobody's to see."""
    return salted_hmac(_SALT, user.get_session_auth_hash(), algorithm="sha256").hexdigest()

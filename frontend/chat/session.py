"""Who is asking. The browser's session cookie is shown to the platform, which answers with a token of a few minutes.

The token stays here. It is renewed before it ends, and asked for again after `RECHECK_SECONDS` and with each page, so that
a session that was ended elsewhere ends here too, and one that was turned to another organisation is about that one.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime

from frontend.chat.client import Caller, Grant, Platform
from frontend.chat.errors import PlatformError, SignedOut

RECHECK_SECONDS = 60.0
_BEFORE_END_SECONDS = 45.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Owner:
    """A person in a tenant: what belongs to one is nobody else's."""

    tenant_id: str
    user_id: str

    @property
    def mark(self) -> str:
        """What a page says it was made for."""
        return f"{self.tenant_id}:{self.user_id}"


@dataclass(frozen=True, slots=True)
class Session:
    """Asked for again from `recheck_at` on; of use until `ends_at`."""

    grant: Grant
    recheck_at: float
    ends_at: float

    @property
    def owner(self) -> Owner:
        return Owner(self.grant.tenant_id, self.grant.user_id)

    def caller(self, language: str) -> Caller:
        return Caller(token=self.grant.token, language=language)


class Sessions:
    """The sessions seen lately, by the digest of their cookie."""

    def __init__(self, *, platform: Platform) -> None:
        self._platform = platform
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Session | None]] = {}

    async def find(self, cookie: str | None, *, anew: bool = False) -> Session | None:
        """`anew` asks the platform whatever is known. Raises PlatformError when the platform cannot be asked."""
        if not cookie or not _plausible(cookie):
            return None
        key = digest(cookie)
        known = self._known.get(key)
        if known and known.recheck_at > time.monotonic() and not anew:
            return known
        if anew and (under_way := self._asking.get(key)):
            # It was asked before: what it brings may be older than the wish to know.
            await asyncio.wait([under_way])
        # Many requests of one page come at once: the platform is asked once.
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, cookie))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(task)

    async def require(self, cookie: str | None) -> Session:
        """Raises SignedOut, PlatformError."""
        session = await self.find(cookie)
        if session is None:
            raise SignedOut
        return session

    def forget(self, cookie: str) -> None:
        """After the platform refused its token."""
        self._known.pop(digest(cookie), None)

    async def _ask(self, key: str, cookie: str) -> Session | None:
        try:
            grant = await self._platform.grant(session=cookie)
        except PlatformError as error:
            known = self._known.get(key)
            # A platform that is short of breath for a moment signs nobody out.
            if known and error.status != 403 and known.ends_at > time.monotonic():
                return known
            self._known.pop(key, None)
            raise
        if grant is None:
            self._known.pop(key, None)
            return None
        left = (grant.expires_at - datetime.now(UTC)).total_seconds()
        now = time.monotonic()
        recheck = min(RECHECK_SECONDS, left - _BEFORE_END_SECONDS)
        session = Session(grant, now + max(1.0, recheck), now + left)
        self._known[key] = session
        self._known.move_to_end(key)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return session


def digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def _plausible(cookie: str) -> bool:
    """It is put into a header as it is."""
    return len(cookie) <= 256 and cookie.isascii() and not any(c in cookie for c in '\r\n; ,"\\')

"""The principals of API keys, kept in memory by who answers many requests a second.

A request with a known key asks nobody. The database tells of every change of a key, a department or an organisation
(`core.changes`), and then everything is read anew: a revoked key stops within a second. While those notices are not heard,
each request reads its key. While the database does not answer at all, keys that were good go on, for nothing can revoke them
meanwhile.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.db import OperationalError
from django.utils import timezone

from controlplane.core.offload import in_thread
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import key_hash, principal_of_key
from controlplane.identity.services import api_key_touch

T = TypeVar("T")

# A key in use is read again each minute: its last use is noted then.
FRESH_SECONDS = 60.0
# How long a key goes on without a database.
STALE_SECONDS = 3600.0
_MOST_KEYS = 20_000
_MOST_UNKNOWN = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    read_at: float


class KeyCache:
    """Of one event loop. `trusted` tells whether changes are heard of."""

    def __init__(self, *, trusted: Callable[[], bool]) -> None:
        self._trusted = trusted
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()
        self._reading: dict[str, asyncio.Task[Principal | None]] = {}
        self._changed_at = 0.0

    def forget(self) -> None:
        """Something changed: what was read before is only kept for the case that the database falls silent."""
        self._changed_at = time.monotonic()
        self._unknown.clear()

    def known(self, *, presented: str) -> Principal | None:
        """From memory alone; None for a key that has to be read."""
        found = self._known.get(key_hash(presented))
        if found is None or not self._trusted():
            return None
        if found.read_at < self._changed_at or time.monotonic() - found.read_at > FRESH_SECONDS:
            return None
        return None if _expired(found.principal) else found.principal

    async def principal(self, *, presented: str) -> Principal | None:
        """None for a key that is unknown, revoked or expired. Raises Forbidden for one of a suspended organisation, and
        OperationalError without a database for a key that was not in use."""
        if principal := self.known(presented=presented):
            return principal
        digest = key_hash(presented)
        if self._trusted() and time.monotonic() - self._unknown.get(digest, float("-inf")) < FRESH_SECONDS:
            return None
        reading = self._reading.get(digest)
        if reading is None:
            reading = self._reading[digest] = asyncio.ensure_future(self._read(presented, digest))
            reading.add_done_callback(lambda _task: self._reading.pop(digest, None))
        return await asyncio.shield(reading)

    async def _read(self, presented: str, digest: str) -> Principal | None:
        asked_at = time.monotonic()
        try:
            principal = await in_thread(_read_key, presented)
        except OperationalError:
            if before := self._of_before(digest):
                return before
            raise
        except Exception:
            self._known.pop(digest, None)
            raise
        if principal is None:
            self._known.pop(digest, None)
            _remember(self._unknown, digest, asked_at, _MOST_UNKNOWN)
        else:
            _remember(self._known, digest, _Known(principal, asked_at), _MOST_KEYS)
        return principal

    def _of_before(self, digest: str) -> Principal | None:
        found = self._known.get(digest)
        if found is None or time.monotonic() - found.read_at > STALE_SECONDS or _expired(found.principal):
            return None
        return found.principal


def _remember(kept: "OrderedDict[str, T]", digest: str, value: T, most: int) -> None:
    kept[digest] = value
    kept.move_to_end(digest)
    while len(kept) > most:
        kept.popitem(last=False)


def _expired(principal: Principal) -> bool:
    return principal.expires_at is not None and principal.expires_at <= timezone.now()


def _read_key(presented: str) -> Principal | None:
    principal = principal_of_key(presented=presented)
    if principal:
        api_key_touch(principal=principal)
    return principal

"""Limits kept in memory by who answers many requests a second.

The database tells of every change (`core.changes`), and then everything is read anew. While those notices are not heard, what
was read holds for a few seconds; while the database does not answer, for as long as that lasts.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.db import OperationalError

from controlplane.core.offload import in_thread
from controlplane.metering.limits import NOTHING_SET, TenantLimits, limits_of

FRESH_SECONDS = 60.0
UNHEARD_SECONDS = 5.0
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class _Known:
    limits: TenantLimits
    read_at: float


class LimitCache:
    """Of one event loop. `trusted` tells whether changes are heard of."""

    def __init__(self, *, trusted: Callable[[], bool]) -> None:
        self._trusted = trusted
        self._known: OrderedDict[UUID, _Known] = OrderedDict()
        self._reading: dict[UUID, asyncio.Task[TenantLimits]] = {}
        self._changed_at = 0.0

    def forget(self) -> None:
        """Something changed: what was read before is only kept for the case that the database falls silent."""
        self._changed_at = time.monotonic()

    def known(self, *, tenant_id: UUID) -> TenantLimits | None:
        """From memory alone; None for limits that have to be read."""
        found = self._known.get(tenant_id)
        if found is None or found.read_at < self._changed_at:
            return None
        lasts = FRESH_SECONDS if self._trusted() else UNHEARD_SECONDS
        return found.limits if time.monotonic() - found.read_at <= lasts else None

    async def limits(self, *, tenant_id: UUID) -> TenantLimits:
        """Without a database those of before; none for a tenant that was never seen: its key would not be known either."""
        if limits := self.known(tenant_id=tenant_id):
            return limits
        reading = self._reading.get(tenant_id)
        if reading is None:
            reading = self._reading[tenant_id] = asyncio.ensure_future(self._read(tenant_id))
            reading.add_done_callback(lambda _task: self._reading.pop(tenant_id, None))
        return await asyncio.shield(reading)

    async def _read(self, tenant_id: UUID) -> TenantLimits:
        asked_at = time.monotonic()
        try:
            limits = await in_thread(_limits_of, tenant_id)
        except OperationalError:
            before = self._known.get(tenant_id)
            return before.limits if before else TenantLimits(tenant_id, NOTHING_SET, {})
        before = self._known.get(tenant_id)
        if before and (before.limits.own, before.limits.departments) == (limits.own, limits.departments):
            limits = before.limits  # the same parties, whose accounts go on
        self._known[tenant_id] = _Known(limits, asked_at)
        self._known.move_to_end(tenant_id)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return limits


def _limits_of(tenant_id: UUID) -> TenantLimits:
    return limits_of(tenant_id=tenant_id)

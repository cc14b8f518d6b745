"""What this process knows of all replicas, in memory: the registry as the database has it, and what the watch tells of them.

Everything is replaced at once and nothing is changed in place, so that threads read it without a lock. While the database
is away, what was known last goes on. While it is there and nobody watches, what the watch once said counts no more.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache

from django.db import DatabaseError, InterfaceError

from controlplane.core.offload import in_thread
from controlplane.serving.selectors import FleetRows, RegisteredReplica, SeenReplica, fleet_rows
from inference.endpoints import EngineEndpoint
from inference.fleet import NOT_WATCHED, Reason, Replica, State, replica_key

log = logging.getLogger(__name__)

# A watch that is at work tells loads each two seconds, of no replica too.
_SILENCE_SECONDS = 30.0
_RETRY_SECONDS = 1.0
# PostgreSQL takes notices of fewer than 8,000 bytes.
_MOST_NOTICE_BYTES = 7_500


@dataclass(frozen=True, slots=True)
class Carried:
    """What a replica carries, as it is told: `in_flight` over all processes of the platform, of one that drains."""

    running: int | None = None
    waiting: int | None = None
    kv_usage: float | None = None
    prefix_hit_rate: float | None = None
    in_flight: int | None = None


class Fleet:
    """`is_connected` tells whether changes are heard of (`core.changes`)."""

    def __init__(self, *, is_connected: Callable[[], bool] = lambda: False) -> None:
        self.is_connected = is_connected
        self.generation = 0
        self._rows = FleetRows()
        self._seen: Mapping[str, SeenReplica] = {}
        self._heard_at = time.monotonic()
        self._told_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._is_stale = False

    @property
    def registered(self) -> tuple[RegisteredReplica, ...]:
        return self._rows.registered

    @property
    def is_watched(self) -> bool:
        """Whether what was seen last can be counted on."""
        return not self.is_connected() or time.monotonic() - self._heard_at < _SILENCE_SECONDS

    @property
    def _is_watched_now(self) -> bool:
        """Whether there is a watch, that will look at what it has not seen yet."""
        return self.is_connected() and time.monotonic() - self._told_at < _SILENCE_SECONDS

    def replica(self, *, endpoint: EngineEndpoint, registered: RegisteredReplica | None = None) -> Replica:
        """The view of an endpoint of the setting, or of a registered replica."""
        key = replica_key(base_url=endpoint.base_url, model=endpoint.model)
        seen = self._seen.get(key) if self.is_watched else None
        state, reason = _state_of(seen, registered, is_watched=self._is_watched_now)
        return Replica(
            id=key,
            endpoint=endpoint,
            state=state,
            reason=reason,
            since=seen.since if seen else None,
            running=seen.running if seen else None,
            waiting=seen.waiting if seen else None,
            kv_usage=seen.kv_usage if seen else None,
            capacity=endpoint.capacity,
            prefix_hit_rate=seen.prefix_hit_rate if seen else None,
            registered_id=str(registered.id) if registered else None,
        )

    def seen(self, *, key: str) -> SeenReplica | None:
        """What the watch last said of it."""
        return self._seen.get(key)

    def age(self, *, key: str) -> float | None:
        """Seconds since the watch asked it; None of one that it has not asked."""
        seen = self._seen.get(key)
        if seen is None or seen.probed_at is None:
            return None
        return max(0.0, (datetime.now(UTC) - seen.probed_at).total_seconds())

    def changed(self) -> None:
        """The registry or a state changed: read it anew, in the running event loop."""
        self._is_stale = True
        if self._reading is None or self._reading.done():
            self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        while self._is_stale:
            self._is_stale = False
            try:
                self.take(rows=await in_thread(fleet_rows))
            except (DatabaseError, InterfaceError) as error:
                log.warning("the registry of engines is not read: %s", error)
                self._is_stale = True
                await asyncio.sleep(_RETRY_SECONDS)

    def take(self, *, rows: FleetRows) -> None:
        """What the database has, from now on."""
        self._rows, self._seen = rows, dict(rows.seen or {})
        self._heard_at = time.monotonic()
        self.generation += 1

    def told(self, words: str) -> None:
        """Loads, as `notices` writes them. What cannot be read is passed over: the next comes in two seconds."""
        try:
            loads = {key: Carried(*fields) for key, *fields in json.loads(words)["loads"]}
        except (ValueError, KeyError, TypeError):
            log.warning("a notice of loads is not understood")
            return
        self._heard_at = self._told_at = time.monotonic()
        self._seen = {
            key: _carrying(seen, loads[key]) if key in loads else seen for key, seen in self._seen.items()
        }
        self.generation += 1


def notices(*, loads: Iterable[tuple[str, Carried]]) -> Iterator[str]:
    """Loads by key as texts that a notice takes; at least one, which says that the watch is there."""
    texts: list[str] = []
    size = 0
    for key, carried in loads:
        fields = (carried.running, carried.waiting, _short(carried.kv_usage), _short(carried.prefix_hit_rate))
        text = json.dumps([key, *fields, carried.in_flight], separators=(",", ":"))
        if size + len(text) > _MOST_NOTICE_BYTES:
            yield _notice(texts)
            texts, size = [], 0
        texts.append(text)
        size += len(text) + 1
    yield _notice(texts)


def _notice(texts: list[str]) -> str:
    return f'{{"loads":[{",".join(texts)}]}}'


def _short(share: float | None) -> float | None:
    return None if share is None else round(share, 4)


def _carrying(seen: SeenReplica, carried: Carried) -> SeenReplica:
    return replace(
        seen,
        running=carried.running,
        waiting=carried.waiting,
        kv_usage=carried.kv_usage,
        prefix_hit_rate=carried.prefix_hit_rate,
        in_flight=carried.in_flight,
    )


def _state_of(
    seen: SeenReplica | None, registered: RegisteredReplica | None, *, is_watched: bool
) -> tuple[State, Reason]:
    """What administrators want is known before the watch has acted on it."""
    if registered is not None and not registered.is_readable:
        return "failed", Reason("key_unreadable")
    wanted = registered.wanted if registered else "serving"
    if wanted != "serving":
        return "draining", Reason("switched_off" if wanted == "off" else "draining")
    if seen is None:
        return "starting", Reason("not_probed_yet") if is_watched else NOT_WATCHED
    if seen.state == "draining":
        return "starting", Reason("resumed")
    return seen.state, seen.reason


@cache
def fleet() -> Fleet:
    """This process's."""
    return Fleet()

"""The watch over all replicas: asks them, reads what they carry, keeps their states and tells everybody.

One process of the whole platform does it. It keeps nothing that another could not take up: states are in the database.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import httpx
import psycopg
from django.db import DatabaseError, InterfaceError

from controlplane.core.changes import ENGINE_WORK, ENGINES, Changes
from controlplane.core.locks import only_one
from controlplane.core.offload import in_thread
from controlplane.serving.fleet import Fleet, notices
from controlplane.serving.registry import Registry
from controlplane.serving.selectors import fleet_rows
from controlplane.serving.services import health_write
from controlplane.serving.watched import Pace, Watched, begun
from controlplane.serving.work import WorkReports
from inference.endpoints import EngineEndpoint
from inference.errors import EngineUnavailable
from inference.fleet import probe, scrape
from inference.fleet.metrics import loads_of

log = logging.getLogger(__name__)

LOCK = "karez watch of engines"
_TICK_SECONDS = 0.25
_RETRY_SECONDS = 1.0
_SCRAPE_LIMIT_SECONDS = 5.0
# Engines that have no metrics are asked again: another may be there by then.
_WITHOUT_METRICS_SECONDS = 60.0


async def keep_watch(
    *, registry: Registry, fleet: Fleet, pace: Pace, alive: Callable[[], None] = lambda: None
) -> None:
    """Until cancelled, through every restart of the database, and beside others that wait for their turn. `alive` is called
    while it is at work or waits."""
    reports = WorkReports()
    changes = Changes(channels={})
    changes.hear(channel=ENGINES, changed=fleet.changed, told=fleet.told)
    changes.hear(channel=ENGINE_WORK, changed=lambda: None, told=reports.told)
    fleet.is_connected = lambda: changes.connected
    listening = asyncio.ensure_future(changes.run())
    try:
        while True:
            alive()
            try:
                async with only_one(name=LOCK, waiting=alive) as connection:
                    await Watch(registry=registry, fleet=fleet, reports=reports, pace=pace, alive=alive).run(
                        connection
                    )
            except (psycopg.Error, DatabaseError, InterfaceError) as error:
                log.warning("the watch over engines begins again: %s", error)
            await asyncio.sleep(_RETRY_SECONDS)
    finally:
        listening.cancel()


class Watch:
    """One turn at the watch, as long as the lock holds."""

    def __init__(
        self, *, registry: Registry, fleet: Fleet, reports: WorkReports, pace: Pace, alive: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._reports = reports
        self._pace = pace
        self._alive = alive
        self._watched: dict[str, Watched] = {}
        self._gone: set[str] = set()
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._scrape_at: dict[str, float] = {}
        self._tell_at = 0.0

    async def run(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        """Raises psycopg.Error when the lock's connection is lost, and DatabaseError for what cannot be written."""
        # Where the watch before left off: without it every state would begin anew.
        self._fleet.take(rows=await in_thread(fleet_rows))
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
        async with httpx.AsyncClient(trust_env=False, limits=limits) as http:
            try:
                while True:
                    self._follow()
                    self._ask(http)
                    await self._save()
                    await self._tell(connection)
                    self._alive()
                    await asyncio.sleep(_TICK_SECONDS)
            finally:
                jobs = list(self._jobs.values())
                for job in jobs:
                    job.cancel()
                await asyncio.gather(*jobs, return_exceptions=True)

    def _follow(self) -> None:
        """Take up what is new, and leave what is no more."""
        wanted = {replica.key: replica.wanted for replica in self._fleet.registered}
        there = {replica.id: replica.endpoint for replica in self._registry.all_replicas()}
        for key, endpoint in there.items():
            wish = wanted.get(key, "serving")
            found = self._watched.get(key)
            if found is None:
                self._watched[key] = begun(
                    key=key,
                    endpoint=endpoint,
                    wanted=wish,
                    pace=self._pace,
                    seen=self._fleet.seen(key=key),
                )
            else:
                found.follow(endpoint=endpoint, wanted=wish)
        for key in self._watched.keys() - there.keys():
            del self._watched[key]
            self._gone.add(key)
        self._gone -= there.keys()

    def _ask(self, http: httpx.AsyncClient) -> None:
        """Start what is due. Each replica and each server is asked once at a time, and none waits for another."""
        now = time.monotonic()
        for watched in self._watched.values():
            if watched.wanted == "serving" and watched.probe_at <= now:
                self._start(f"probe {watched.key}", partial(self._probe, http, watched))
        servers = {w.endpoint.base_url: w.endpoint for w in self._watched.values() if w.wanted != "off"}
        for base_url, endpoint in servers.items():
            if self._scrape_at.get(base_url, 0.0) <= now:
                self._start(f"scrape {base_url}", partial(self._scrape, http, endpoint))

    def _start(self, name: str, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._jobs:
            task = self._jobs[name] = asyncio.ensure_future(job())
            task.add_done_callback(partial(self._ended, name))

    def _ended(self, name: str, task: "asyncio.Task[None]") -> None:
        self._jobs.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", name, exc_info=error)

    async def _probe(self, http: httpx.AsyncClient, watched: Watched) -> None:
        tokens = watched.loads.tokens if watched.loads else None
        # Whatever happens, not again at once.
        watched.probe_at = time.monotonic() + self._pace.probe
        found = await probe(endpoint=watched.endpoint, http=http, timeout_seconds=self._pace.limit)
        watched.probed(probe=found, tokens_before=tokens)

    async def _scrape(self, http: httpx.AsyncClient, endpoint: EngineEndpoint) -> None:
        base_url = endpoint.base_url
        self._scrape_at[base_url] = time.monotonic() + self._pace.metrics
        here = [w for w in self._watched.values() if w.endpoint.base_url == base_url]
        try:
            scraped = await scrape(endpoint=endpoint, http=http, timeout_seconds=_SCRAPE_LIMIT_SECONDS)
        except EngineUnavailable:
            for watched in here:
                _hurry(watched)
            return
        if not scraped:
            self._scrape_at[base_url] = time.monotonic() + _WITHOUT_METRICS_SECONDS
        for watched in here:
            watched.carries(loads_of(scraped=scraped, model=watched.endpoint.model))

    async def _save(self) -> None:
        for watched in self._watched.values():
            watched.count(self._reports.in_flight(key=watched.key))
        changed = [watched for watched in self._watched.values() if watched.mark != watched.saved]
        if not changed and not self._gone:
            return
        marks = [(watched, watched.mark) for watched in changed]
        gone, self._gone = self._gone, set()
        await in_thread(health_write, rows=[watched.row() for watched in changed], gone=gone)
        for watched, mark in marks:
            watched.saved = mark

    async def _tell(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        now = time.monotonic()
        if now < self._tell_at:
            return
        self._tell_at = now + self._pace.metrics
        for words in notices(loads=[(w.key, w.carried) for w in self._watched.values()]):
            await connection.execute("SELECT pg_notify(%s, %s)", [ENGINES, words])


def _hurry(watched: Watched) -> None:
    """It told what it carries, and does not any more: that is worth a probe now."""
    if watched.loads is not None:
        watched.loads = None
        watched.probe_at = 0.0

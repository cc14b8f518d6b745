"""Requests under way at replicas that drain, over all processes of the platform: a process tells its own, the watch adds up."""

import asyncio
import json
import logging
import time
from uuid import uuid4

from django.db import DatabaseError, InterfaceError

from controlplane.core.changes import ENGINE_WORK, notify
from controlplane.core.offload import in_thread
from controlplane.serving.fleet import fleet
from controlplane.serving.registry import registry

log = logging.getLogger(__name__)

_EVERY_SECONDS = 1.0
# A process that is silent for longer has ended, and its requests with it.
_FRESH_SECONDS = 10.0


async def report_work() -> None:
    """Tell the watch, each second while some replica drains, how many requests this process has there. Until cancelled."""
    process = uuid4().hex[:12]
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        registry().all_replicas()  # which asks servers that are given without their models, now and then
        draining = [replica for replica in fleet().registered if replica.wanted != "serving"]
        if not draining:
            continue
        work = registry().work
        held = {replica.key: work.held(base_url=replica.endpoint.base_url) for replica in draining}
        try:
            await in_thread(notify, channel=ENGINE_WORK, words=json.dumps([process, held]))
        except (DatabaseError, InterfaceError) as error:
            log.warning("requests under way are not told: %s", error)


class WorkReports:
    """What the processes told last."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[float, dict[str, int]]] = {}

    def told(self, words: str) -> None:
        """A report. What cannot be read is passed over: the next comes in a second."""
        try:
            process, held = json.loads(words)
            self._reports[str(process)] = (time.monotonic(), {str(key): int(n) for key, n in held.items()})
        except (ValueError, TypeError, AttributeError):
            log.warning("a report of requests under way is not understood")

    def in_flight(self, *, key: str) -> int | None:
        """Over all processes; None while none has spoken of the replica."""
        oldest = time.monotonic() - _FRESH_SECONDS
        self._reports = {process: said for process, said in self._reports.items() if said[0] > oldest}
        counts = [held[key] for _at, held in self._reports.values() if key in held]
        return sum(counts) if counts else None

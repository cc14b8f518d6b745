"""Registered models for tests that commit, taken away again: the registry is every test's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

from controlplane.core.changes import ENGINES, Changes
from controlplane.core.offload import in_thread
from controlplane.core.scope import platform_scope
from controlplane.serving import services
from controlplane.serving.fleet import Fleet
from controlplane.serving.models import ModelDeployment, Replica, ReplicaHealth
from controlplane.serving.registry import Registry
from controlplane.serving.watched import Pace
from controlplane.serving.watching import keep_watch
from inference.client import EngineTimeouts
from inference.endpoints import EngineEndpoint
from inference.fleet import Rules

QUICK = Pace(
    probe=0.3, metrics=0.2, recheck=0.1, limit=2.0, rules=Rules(misses=2, answers=2, start_seconds=0.5)
)


def register(*addresses: str, name: str = "", **fields: object) -> list[Replica]:
    """A deployment with a replica at each address, committed."""
    deployment = services.deployment_create(actor="system", name=name or f"m-{uuid4().hex[:12]}")
    return [
        services.replica_add(actor="system", deployment_id=deployment.pk, base_url=address, **fields)  # type: ignore[arg-type]
        for address in addresses
    ]


def forget_everything() -> None:
    with platform_scope():
        ReplicaHealth.objects.all().delete()
        ModelDeployment.objects.all().delete()


def rows() -> dict[str, ReplicaHealth]:
    """What the watch wrote, by address."""
    with platform_scope():
        return {row.base_url: row for row in ReplicaHealth.objects.all()}


async def until(is_so: Callable[[], bool], *, seconds: float = 20.0) -> None:
    """Asked on a thread, for it may ask the database."""
    async with asyncio.timeout(seconds):
        while not await in_thread(is_so):
            await asyncio.sleep(0.05)


@asynccontextmanager
async def watching(*given: EngineEndpoint, pace: Pace = QUICK) -> AsyncIterator[Registry]:
    """A watch at work, of the setting's engines and the registered ones."""
    fleet = Fleet()
    registry = Registry(endpoints=given, timeouts=EngineTimeouts(connect=1), fleet=fleet)
    task = asyncio.ensure_future(keep_watch(registry=registry, fleet=fleet, pace=pace))
    try:
        yield registry
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def listening(*given: EngineEndpoint) -> AsyncIterator[tuple[Registry, Fleet]]:
    """As a gateway does."""
    fleet = Fleet()
    changes = Changes(channels={})
    changes.hear(channel=ENGINES, changed=fleet.changed, told=fleet.told)
    fleet.is_connected = lambda: changes.connected
    task = asyncio.ensure_future(changes.run())
    try:
        yield Registry(endpoints=given, timeouts=EngineTimeouts(connect=1), fleet=fleet), fleet
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

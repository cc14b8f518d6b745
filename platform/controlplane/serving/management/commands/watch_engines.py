"""Watches over the engines, until it is ended."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlplane.serving.fleet import fleet
from controlplane.serving.registry import registry
from controlplane.serving.watched import Pace
from controlplane.serving.watching import keep_watch


class Command(BaseCommand):
    help = "watch_engines: probe the replicas of all models and tell every process of their states"

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_watch())


async def _watch() -> None:
    env = settings.ENV
    pace = Pace(probe=env.engine_probe_seconds, metrics=env.engine_metrics_seconds)
    watching = asyncio.ensure_future(keep_watch(registry=registry(), fleet=fleet(), pace=pace, alive=_alive))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, watching.cancel)
    await asyncio.wait([watching])
    if not watching.cancelled():
        watching.result()  # which raises what ended it


def _alive() -> None:
    if heartbeat := settings.ENV.heartbeat_file:
        heartbeat.touch()

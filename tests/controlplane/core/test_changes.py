"""Hearing of changes, through whatever happens to the connection."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from controlplane.core import changes
from controlplane.core.changes import Changes, database_address, notify
from controlplane.core.offload import in_thread

CHANNEL = "karez_test_changes"


@dataclass
class Line:
    """A line to the database that can fall silent, as when a machine is gone: nothing is closed, nothing arrives."""

    host: str
    port: str
    speaks: asyncio.Event = field(default_factory=asyncio.Event)
    ways: list["asyncio.Task[None]"] = field(default_factory=list)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if Path(self.host).is_absolute():
            there = await asyncio.open_unix_connection(f"{self.host}/.s.PGSQL.{self.port}")
        else:
            there = await asyncio.open_connection(self.host, int(self.port))
        self.ways += [
            asyncio.create_task(self.carry(reader, there[1])),
            asyncio.create_task(self.carry(there[0], writer)),
        ]

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self.speaks.wait()
            writer.write(data)
        writer.close()


@pytest.fixture
async def line(committed: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    given = conninfo_to_dict(database_address())
    line = Line(str(given["host"]), str(given.get("port") or 5432))
    line.speaks.set()
    server = await asyncio.start_server(line.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = make_conninfo(**{**given, "host": "127.0.0.1", "port": str(port)})
    monkeypatch.setattr(changes, "database_address", lambda: address)
    monkeypatch.setattr(changes, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(changes, "_RETRY_SECONDS", 0.05)
    yield line
    server.close()
    for way in line.ways:
        way.cancel()
    await asyncio.gather(*line.ways, return_exceptions=True)


@asynccontextmanager
async def hearing(changed: Callable[[], None]) -> AsyncIterator[Changes]:
    heard = Changes(channels={CHANNEL: changed})
    task = asyncio.create_task(heard.run())
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


def tell() -> None:
    notify(channel=CHANNEL, words="")
    connection.close()


async def test_a_database_that_answers_nothing_is_left_and_found_again(line: Line) -> None:
    calls: list[None] = []
    async with hearing(lambda: calls.append(None)) as heard:
        await until(lambda: heard.connected)
        line.speaks.clear()
        await until(lambda: not heard.connected)
        line.speaks.set()
        await until(lambda: heard.connected)
        before = len(calls)
        await in_thread(tell)
        await until(lambda: len(calls) > before)

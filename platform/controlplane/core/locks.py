"""Work that one process of the whole platform does, wherever it runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from controlplane.core.changes import database_address

_ASK_SECONDS = 2.0


@asynccontextmanager
async def only_one(
    *, name: str, waiting: Callable[[], None] = lambda: None
) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """Wait until no other process is in the block of that name, and be the one in it. `waiting` is called meanwhile.

    The database holds the lock for the connection that is yielded: use it, and leave the block when it fails, for then
    another process may be in. Raises psycopg.Error.
    """
    connection = await psycopg.AsyncConnection.connect(database_address(), autocommit=True)
    async with connection:
        # Asked again and again, for a session that waits in the server is not ended by who is being stopped.
        while not await _is_taken(connection, name):
            waiting()
            await asyncio.sleep(_ASK_SECONDS)
        yield connection


async def _is_taken(connection: psycopg.AsyncConnection[Any], name: str) -> bool:
    answer = await connection.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
    row = await answer.fetchone()
    return bool(row and row[0])

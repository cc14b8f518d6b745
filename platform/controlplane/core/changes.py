"""Hearing from the database that something has changed, the moment it is committed.

PostgreSQL's LISTEN and NOTIFY: triggers notify, so no way of changing a row can forget to. What hangs on it may keep in memory
what it read, as long as `connected` holds.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql
from psycopg.conninfo import make_conninfo

log = logging.getLogger(__name__)

_LOOK_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_WHERE = ("host", "port", "dbname", "user", "password")
_HOW = ("connect_timeout", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")

CREDENTIALS = "karez_credentials"
ENGINES = "karez_engines"
ENGINE_WORK = "karez_engine_work"
LIMITS = "karez_limits"


class Changes:
    """One connection that listens on channels. What is called for a channel is also called whenever the connection is made
    anew: in between, notices may have been missed."""

    def __init__(self, *, channels: Mapping[str, Callable[[], None]]) -> None:
        self._channels = dict(channels)
        self._told: dict[str, Callable[[str], None]] = {}
        self.connected = False

    def hear(self, *, channel: str, changed: Callable[[], None], told: Callable[[str], None]) -> None:
        """Listen on another channel, from the next connection on. A notice with words goes to `told` instead: it says what
        there is to know, so that nobody has to read it."""
        self._channels[channel] = changed
        self._told[channel] = told

    async def run(self) -> None:
        """Listen until cancelled, through every restart of the database."""
        while True:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                # TimeoutError, of a server that answers nothing, is an OSError.
                log.warning("the database's notices are not heard: %s", error)
            finally:
                self.connected = False
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        listening = await psycopg.AsyncConnection.connect(database_address(), autocommit=True)
        async with listening:
            for channel in self._channels:
                await listening.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.connected = True
            for changed in self._channels.values():
                changed()
            while True:
                async for notice in listening.notifies(timeout=_LOOK_SECONDS):
                    self._pass_on(notice.channel, notice.payload)
                await self._look(listening)

    async def _look(self, listening: "psycopg.AsyncConnection[Any]") -> None:
        """Nothing else would tell that the server's machine is gone. The connection is closed at once: psycopg would first
        try for seconds to cancel the query, and all that time what is kept in memory would be trusted."""
        look = asyncio.ensure_future(listening.execute("SELECT 1"))
        try:
            done, _ = await asyncio.wait({look}, timeout=_LOOK_SECONDS)
        finally:
            if not look.done():
                self.connected = False
                listening.pgconn.finish()
                look.cancel()
        if not done:
            raise TimeoutError("the database does not answer")
        await look

    def _pass_on(self, channel: str, words: str) -> None:
        told = self._told.get(channel)
        if words and told is not None:
            told(words)
        else:
            self._channels[channel]()


def notify(*, channel: str, words: str) -> None:
    """Tell whoever listens, when the running transaction is committed. `words` are fewer than 8,000 bytes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [channel, words])


def database_address() -> str:
    """For a connection of one's own, beside Django's."""
    given = connection.get_connection_params()
    return make_conninfo(**{name: given[name] for name in _WHERE + _HOW if given.get(name)})

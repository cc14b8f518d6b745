"""Requests to engines over kept connections."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from inference.errors import EngineError, EngineTimeout, EngineUnavailable
from inference.gateway.connection import Connection, StaleConnectionError
from inference.gateway.target import Target, tls_context
from inference.http import status_error
from inference.work import Work

# uvicorn, and with it vLLM, closes a connection that has been silent for five seconds.
_KEPT_SECONDS = 4.5
_MOST_KEPT = 256
_MOST_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Seconds, but for ``answer_bytes``: how long an answer may be that is read as a whole."""

    connect: float = 5.0
    first_token: float = 120.0
    idle: float = 60.0
    whole: float = 1800.0
    answer_bytes: int = 64 * 1024**2


class Exchange:
    """A request whose answer has begun. Leave it with ``end``, always: what is not read to its end is aborted."""

    def __init__(self, *, pool: UpstreamPool, target: Target, connection: Connection) -> None:
        self._pool = pool
        self._target = target
        self._connection = connection
        self._over = False

    @property
    def status(self) -> int:
        """Of HTTP."""
        return self._connection.status

    @property
    def headers(self) -> dict[str, str]:
        """With names in lower case."""
        return self._connection.headers

    def expect(self, *, within: float, limit: str) -> None:
        """The next piece must come ``within`` so many seconds from now; ``limit`` names that in the failure."""
        self._connection.expect(within=within, limit=limit)

    def read(self) -> Coroutine[Any, Any, bytes]:
        """What has come since the last call, as soon as there is something; empty at the end.

        Awaiting it raises EngineUnavailable when the connection breaks, AnswerTimeout when the deadline passes.
        """
        return self._connection.read()

    async def whole(self, *, most_bytes: int) -> bytes:
        """All of it. Raises as ``read``, and EngineUnavailable for more than ``most_bytes``."""
        parts, size = [], 0
        while piece := await self.read():
            parts.append(piece)
            size += len(piece)
            if size > most_bytes:
                raise EngineUnavailable(f"{self._target.base_url}: an answer of more than {most_bytes} bytes")
        return b"".join(parts)

    def break_off(self, error: Exception) -> None:
        """End it from another task: the reader gets the error, the engine a closed connection."""
        if not self._over:
            self._connection.interrupt(error)

    def end(self) -> None:
        """Keep the connection when the answer is complete, else close it. A second call does nothing."""
        if not self._over:
            self._over = True
            self._pool.give_back(target=self._target, connection=self._connection)


@dataclass(slots=True)
class UpstreamPool:
    """Connections to all engines, of the event loop in which it is used. ``work`` counts what is under way at each."""

    limits: UpstreamLimits = field(default_factory=UpstreamLimits)
    work: Work = field(default_factory=Work)
    _kept: dict[tuple[str, int, bool], list[Connection]] = field(default_factory=dict)
    in_use: int = 0

    async def send(self, *, target: Target, path: str, body: bytes, within: float, limit: str) -> Exchange:
        """Send a request and wait for the head of its answer, ``within`` so many seconds.

        Raises EngineUnavailable (EngineTimeout for no connection, AnswerTimeout for no answer in time); an answer of 400
        and above raises what ``inference.http.status_error`` makes of it. Cancelling it closes the connection.
        """
        while True:
            connection = self._idle(target) or await self._connect(target)
            self.in_use += 1
            self.work.begun(base_url=target.base_url)
            exchange = Exchange(pool=self, target=target, connection=connection)
            try:
                deadline = connection.loop.time() + within
                connection.request(target.heads[path], body, deadline=deadline, limit=limit)
                await connection.head()
                if connection.status >= 400:
                    raise await self._refusal(exchange, target, path)
                return exchange
            except StaleConnectionError:
                exchange.end()
            except BaseException:
                exchange.end()
                raise

    def give_back(self, *, target: Target, connection: Connection) -> None:
        """For ``Exchange.end``."""
        self.in_use -= 1
        self.work.ended(base_url=target.base_url)
        reusable = connection.complete and connection.keeps_alive and connection.failure is None
        kept = self._kept.setdefault(target.address, [])
        if reusable and connection.open and not connection.pieces and len(kept) < _MOST_KEPT:
            connection.rest()
            kept.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close what is kept."""
        for connections in self._kept.values():
            for connection in connections:
                connection.close()
        self._kept.clear()

    def _idle(self, target: Target) -> Connection | None:
        kept, now = self._kept.get(target.address), asyncio.get_running_loop().time()
        while kept:
            connection = kept.pop()
            if connection.open and now - connection.idle_since < _KEPT_SECONDS:
                return connection
            connection.close()
        return None

    async def _connect(self, target: Target) -> Connection:
        loop, context = asyncio.get_running_loop(), tls_context() if target.tls else None
        try:
            async with asyncio.timeout(self.limits.connect):
                _transport, connection = await loop.create_connection(
                    lambda: Connection(loop=loop, where=target.base_url),
                    target.host,
                    target.port,
                    ssl=context,
                )
        except TimeoutError as error:
            raise EngineTimeout(f"{target.base_url}: no connection in {self.limits.connect:g} s") from error
        except OSError as error:
            raise EngineUnavailable(f"{target.base_url}: {error}") from error
        return connection

    async def _refusal(self, exchange: Exchange, target: Target, path: str) -> EngineError:
        body = await exchange.whole(most_bytes=_MOST_ERROR_BYTES)
        where = f"{target.base_url}/{path}"
        return status_error(status=exchange.status, body=body, headers=exchange.headers, where=where)

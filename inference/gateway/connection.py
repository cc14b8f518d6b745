"""One HTTP/1.1 connection to an engine: a protocol of asyncio around llhttp's parser."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools

from inference.errors import AnswerTimeout, EngineUnavailable

# An engine that is faster than its reader is held back by TCP from here on.
_MOST_BUFFERED = 256 * 1024
_MOST_HEADER_BYTES = 64 * 1024


class StaleConnectionError(Exception):
    """A kept connection that the server had closed: nothing was answered on it, another one may be tried."""


class Connection(asyncio.Protocol):
    """At most one request at a time. Its reader gets what has come as soon as there is something.

    ``deadline`` (of the loop's clock) is when a reader stops waiting: it is looked at by one timer and moved by assignment,
    for a timer for each piece of an answer would cost more than the piece. ``unanswered`` tells a connection that was
    closed before anything was answered on it.
    """

    def __init__(self, *, loop: asyncio.AbstractEventLoop, where: str) -> None:
        self.loop = loop
        self._where = where
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._buffered = 0
        self._header_bytes = 0
        self._paused = False
        self._asked = False
        self.idle_since = 0.0
        self.reused = False
        self.deadline = 0.0
        self.limit_reached = ""
        self.pieces: list[bytes] = []
        self.headers: dict[str, str] = {}
        self.status = 0
        self.head_complete = False
        self.complete = False
        self.keeps_alive = False
        self.failure: Exception | None = None

    @property
    def open(self) -> bool:
        """Whether a request can be written to it."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def unanswered(self) -> bool:
        """Nothing of an answer has come."""
        return not self.status and not self._header_bytes

    def request(self, head: bytes, body: bytes, *, deadline: float, limit: str) -> None:
        """Write a request. ``limit`` says in words what ``deadline`` is for the failure."""
        if self._transport is None:
            raise StaleConnectionError
        self._asked = True
        self.pieces, self._buffered, self.headers = [], 0, {}
        self.status = self._header_bytes = 0
        self.head_complete = self.complete = self.keeps_alive = False
        self.failure = None
        self.deadline, self.limit_reached = deadline, limit
        self._watch()
        self._transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))

    def expect(self, *, within: float, limit: str) -> None:
        """See ``Exchange.expect``."""
        self.deadline = self.loop.time() + within
        self.limit_reached = limit
        if self._timer_at > self.deadline:
            self._watch()

    async def head(self) -> None:
        """Wait for the status and the headers."""
        while not self.head_complete:
            if self.failure is not None:
                raise self.failure
            await self._something()

    async def read(self) -> bytes:
        """All that has come of the body since the last call, as soon as there is something; empty at its end.

        Raises the failure after what had come before it.
        """
        pieces = self.pieces
        if not pieces:
            if not self.complete and self.failure is None:
                await self._something()
                pieces = self.pieces
            if not pieces:
                if self.failure is not None and not self.complete:
                    raise self.failure
                return b""
        self.pieces, self._buffered = [], 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def rest(self) -> None:
        """The exchange is over and the connection is kept."""
        self._asked = False
        self.idle_since = self.loop.time()
        self.reused = True

    def close(self) -> None:
        """Close at once. An engine aborts what it was generating."""
        self._unwatch()
        if self._transport is not None:
            self._transport.abort()

    def interrupt(self, error: Exception) -> None:
        """End what is under way from another task: its reader gets the error, the engine a closed connection."""
        if not self.complete:
            self.pieces = []
            self._fail(error)
            self.close()

    def _something(self) -> asyncio.Future[None]:
        """Done when anything has come, or has ended."""
        self._waiter = self.loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failure = error
        self._wake()

    def _watch(self) -> None:
        """The timer of an earlier deadline does, when it does not come too late."""
        if self._timer is not None and self._timer_at > self.deadline:
            self._unwatch()
        if self._timer is None:
            self._timer_at = self.deadline
            self._timer = self.loop.call_at(self.deadline, self._look)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._asked or self.complete or self.failure is not None:
            return
        now = self.loop.time()
        if self.pieces:  # it is the reader who is slow
            self.deadline = max(self.deadline, now + 1.0)
        if self.deadline > now:
            self._watch()
            return
        self._fail(AnswerTimeout(f"{self._where}: {self.limit_reached}"))
        self.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if not self._asked:  # an answer that nobody asked for would be taken for the next one's
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(EngineUnavailable(f"{self._where}: no HTTP: {error}"))
            self.close()
            return
        if self.pieces or self.complete or self.head_complete:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._unwatch()
        if self.head_complete and not self.complete and self._ends_with_connection():
            self.complete = True
            self._wake()
            return
        stale = self.reused and self.unanswered
        reason = f": {exc}" if exc else ""
        self._fail(
            StaleConnectionError()
            if stale
            else EngineUnavailable(f"{self._where}: the connection broke off{reason}")
        )

    # What the parser calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > _MOST_HEADER_BYTES:
            raise ValueError("headers too large")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.head_complete = True

    def on_body(self, body: bytes) -> None:
        self.pieces.append(body)
        self._buffered += len(body)
        if self._buffered > _MOST_BUFFERED and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status < 200:  # an interim answer
            self.head_complete = False
            return
        self.complete = True
        self.keeps_alive = self._parser.should_keep_alive()

    def _ends_with_connection(self) -> bool:
        """RFC 9112, 6.3: a body without length and without chunks lasts until the connection is closed."""
        return "content-length" not in self.headers and "transfer-encoding" not in self.headers

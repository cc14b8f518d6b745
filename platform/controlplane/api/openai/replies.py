"""Answers of the data plane, written to ASGI without a framework between: whole ones, and streams that show signs of life."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.types import Receive, Send

from controlplane.api.openai.errors import error_event, error_headers, error_object, problem_of, status_of
from controlplane.api.openai.streaming import (
    GRACE_SECONDS,
    KEEP_ALIVE,
    KEEP_ALIVE_SECONDS,
    STREAM_HEADERS,
    ClientGone,
    queue_comment,
)
from controlplane.core.problems import Problem

# A client that takes nothing of its answer for so long holds up an engine's slot for nobody.
SLOW_CLIENT_SECONDS = 60.0
# A client that hangs up is noticed twice as much later at most.
WATCH_AFTER_SECONDS = 0.05
_JSON = (b"content-type", b"application/json")


async def received(receive: Receive, *, most_bytes: int, too_large: Callable[[int], Problem]) -> bytes:
    """What the client sent. Raises `too_large`, and ClientGone when it hung up meanwhile."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if message["type"] == "http.disconnect":
            raise ClientGone
        if len(body) > most_bytes:
            raise too_large(most_bytes)
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most_bytes:
            raise too_large(most_bytes)
    return b"".join(parts)


class Reply:
    """To one request. Whoever works for it runs inside `watched`, and is cancelled when the client hangs up."""

    def __init__(self, *, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._begun = False
        self._busy = False
        self._busy_since = 0.0
        self._due = 0.0
        self._task: asyncio.Task[Any] | None = None
        self.too_slow = False
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sign: asyncio.Task[None] | None = None
        self._young: Young | None = None
        self._watch: asyncio.Task[None] | None = None
        self._gone = False
        self._told: list[tuple[bytes, bytes]] = []
        # Asked when the response begins: for headers that say how things stand then.
        self.rates: Callable[[], list[tuple[bytes, bytes]]] = list

    def tell(self, headers: list[tuple[bytes, bytes]]) -> None:
        """Headers of the response, in the place of those told before. Too late once it has begun."""
        self._told = headers

    @property
    def begun(self) -> bool:
        """The status is out: what goes wrong now can only be the last event of the stream."""
        return self._begun

    def watch(self, *, young: "Young") -> None:
        """From now on the task that calls this is cancelled when the client hangs up; see `hung_up`.

        The watching begins a moment later: what is answered at once needs none.
        """
        self._task = asyncio.current_task()
        self._young = young
        young.add(self)

    @property
    def hung_up(self) -> bool:
        """The client is gone: that is why the task was cancelled."""
        return self._gone

    async def json(
        self, content: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """The whole response."""
        payload = orjson.dumps(content)
        given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
        head = [_JSON, (b"content-length", b"%d" % len(payload)), *given, *self._told, *self.rates()]
        self._begun = True
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        await self._send({"type": "http.response.body", "body": payload})

    async def problem(self, error: Exception) -> None:
        """The error, in the active language, as the state of the response allows."""
        found = problem_of(error)
        self._disarm()
        if self._sign is not None:
            await self._sign
        if self._begun:
            await self._send({"type": "http.response.body", "body": error_event(found), "more_body": True})
            await self.end()
        else:
            await self.json(error_object(found), status=status_of(found), headers=error_headers(found))

    def stream(self) -> None:
        """A stream will follow: when it is late, the client gets signs of life."""
        self._arm(GRACE_SECONDS)

    async def events(self, data: bytes) -> None:
        """A part of the stream. Waits while the client reads more slowly than the engine writes; one that reads nothing for
        SLOW_CLIENT_SECONDS is given up, as if it had hung up (`too_slow`)."""
        if self._sign is not None:
            await self._sign
        if not self._begun:
            await self._begin()
        self._busy, self._busy_since = True, self._loop.time()
        self._due = self._busy_since + KEEP_ALIVE_SECONDS
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._busy = False
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._look)

    def position(self, place: int) -> None:
        """Tell a client that waits for its stream which place in the queue it has; as a comment, which clients pass over."""
        if self._sign is None and not self._busy:
            self._sign = asyncio.ensure_future(self._sign_of_life(queue_comment(place)))
            self._due = self._loop.time() + KEEP_ALIVE_SECONDS

    async def end(self) -> None:
        """The stream's end."""
        self._disarm()
        await self._send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Nothing is watched any more. Always to be called."""
        self._disarm()
        if self._young is not None:
            self._young.drop(self)
        if self._watch is not None:
            self._watch.cancel()

    async def _begin(self) -> None:
        self._begun = True
        await self._send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*STREAM_HEADERS, *self._told, *self.rates()],
            }
        )

    def _arm(self, seconds: float) -> None:
        self._due = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._due, self._look)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = self._loop
        self._timer = None
        if self._busy and loop.time() - self._busy_since > SLOW_CLIENT_SECONDS:
            self._give_up()
            return
        if not self._busy and self._due <= loop.time():
            self._sign = asyncio.ensure_future(self._sign_of_life())
            self._due = loop.time() + KEEP_ALIVE_SECONDS
        self._timer = loop.call_at(max(self._due, loop.time() + 1.0), self._look)

    def _give_up(self) -> None:
        self.too_slow = self._gone = True
        if self._task is not None:
            self._task.cancel()
        # What waits to be sent would keep a connection that is only closed.
        transport = getattr(getattr(self._send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()

    async def _sign_of_life(self, sign: bytes = KEEP_ALIVE) -> None:
        try:
            if not self._begun:
                await self._begin()
            await self._send({"type": "http.response.body", "body": sign, "more_body": True})
        except OSError:
            pass  # the watch tells of it
        finally:
            self._sign = None

    def begin_watch(self) -> None:
        """For `Young`."""
        if self._task is not None:
            self._watch = asyncio.ensure_future(self._hang_up(self._task))

    async def _hang_up(self, task: "asyncio.Task[Any]") -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        task.cancel()


class Young:
    """Replies that are too young to be watched, of one event loop: one timer for all of them, for most are given before it."""

    def __init__(self) -> None:
        self._since: dict[Reply, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, reply: Reply) -> None:
        loop = asyncio.get_running_loop()
        self._since[reply] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._look, loop)

    def drop(self, reply: Reply) -> None:
        """It needs no watching any more."""
        self._since.pop(reply, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, due = None, loop.time() - WATCH_AFTER_SECONDS
        for reply in [each for each, since in self._since.items() if since <= due]:
            del self._since[reply]
            reply.begin_watch()
        if self._since:
            self._timer = loop.call_later(WATCH_AFTER_SECONDS, self._look, loop)

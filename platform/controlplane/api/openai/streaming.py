"""Streams whose failure still has a status of its own, and whose end by the client reaches the engine."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from django.utils import translation
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from controlplane.api.openai.errors import error_event, problem_of

T = TypeVar("T")

# A failure in this time gets its proper status. After it the stream begins, so that proxies and clients see a sign of life.
GRACE_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"
STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def queue_comment(place: int) -> bytes:
    """A place in the queue, from 1, as a comment of the stream."""
    return b": queue position %d\n\n" % place


class ClientGone(Exception):
    """The client hung up before there was anything to send."""


async def unless_gone(request: Request, work: Callable[[], Awaitable[T]]) -> T:
    """Do the work; when the client hangs up, cancel it and raise ClientGone. The body must have been read."""
    watch = asyncio.ensure_future(_hang_up(request.receive))
    task = asyncio.ensure_future(work())
    try:
        await asyncio.wait({watch, task}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientGone
        return task.result()
    finally:
        await _cancelled(watch, task)


async def stream(request: Request, frames: AsyncGenerator[bytes, None]) -> Response:
    """A response that sends the frames as server-sent events.

    What `frames` raises before the first one is raised here; later it becomes the stream's last event.
    """
    pump = _Pump(frames)
    try:
        first = await unless_gone(request, lambda: pump.next(GRACE_SECONDS))
    except BaseException:
        await pump.stop()
        raise
    return _EventStream(pump, first)


async def event_stream(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The frames for a response that is not this application's, with signs of life between them; what they raise becomes
    the last one. Closing it, as a server does whose client hung up, ends the work behind the frames."""
    language = translation.get_language()
    pump = _Pump(frames)
    try:
        while (frame := await pump.next(KEEP_ALIVE_SECONDS)) is not None:
            yield frame
    except Exception as error:  # noqa: BLE001 - the status is out: all that is left is an event
        with translation.override(language):
            last = error_event(problem_of(error))
        yield last
    finally:
        await pump.stop()


class _Pump:
    """Runs the generator in a task of its own, so that waiting for its next frame can time out without breaking it."""

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        self._frames = frames
        self._ready: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(maxsize=256)
        self._task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            async with aclosing(self._frames) as frames:
                async for frame in frames:
                    await self._ready.put(frame)
        except Exception as error:  # noqa: BLE001 - handed over to whoever reads, who decides
            await self._ready.put(error)
        else:
            await self._ready.put(None)

    async def next(self, seconds: float) -> bytes | None:
        """The next frame; a sign of life when there is none in time; None at the end. Raises what the generator raised."""
        try:
            async with asyncio.timeout(seconds):
                found = await self._ready.get()
        except TimeoutError:
            return KEEP_ALIVE
        if isinstance(found, Exception):
            raise found
        return found

    async def stop(self) -> None:
        await _cancelled(self._task)


class _EventStream(Response):
    def __init__(self, pump: _Pump, first: bytes | None) -> None:
        super().__init__()
        self._pump = pump
        self._first = first
        self._language = translation.get_language()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watch = asyncio.ensure_future(_hang_up(receive))
        sending = asyncio.ensure_future(self._send(send))
        try:
            await asyncio.wait({watch, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                with suppress(OSError):  # the client hung up while something was being sent
                    sending.result()
        finally:
            await _cancelled(watch, sending)
            await self._pump.stop()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": STREAM_HEADERS})
        frame = self._first
        while frame is not None:
            await send({"type": "http.response.body", "body": frame, "more_body": True})
            frame = await self._next()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self) -> bytes | None:
        try:
            return await self._pump.next(KEEP_ALIVE_SECONDS)
        except Exception as error:  # noqa: BLE001 - the status is out: all that is left is an event
            self._pump = _Pump(_nothing())
            with translation.override(self._language):
                return error_event(problem_of(error))


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""  # what makes it a generator


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(*tasks: "asyncio.Future[Any]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

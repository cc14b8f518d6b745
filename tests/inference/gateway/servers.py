"""Servers that answer byte by byte as a test tells them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from inference.endpoints import EngineEndpoint
from inference.gateway.target import Target, target_of

Handler = Callable[["Served"], Awaitable[None]]


class Served:
    """A request as it came, and what can be done to its connection."""

    def __init__(self, head: bytes, body: bytes, number: int, writer: asyncio.StreamWriter) -> None:
        self.head, self.body, self.number, self.writer = head, body, number, writer

    async def send(self, *parts: bytes, pause: float = 0.0) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def answer(self, body: bytes, *, status: str = "200 OK", headers: bytes = b"") -> None:
        length = b"Content-Length: %d\r\n" % len(body)
        await self.send(b"HTTP/1.1 " + status.encode() + b"\r\n" + headers + length + b"\r\n" + body)


class Server:
    """``requests`` and ``connections`` are counted; ``closed`` is set when a client has closed its end."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.requests: list[Served] = []
        self.connections = 0
        self.closed = asyncio.Event()
        self.port = 0

    @property
    def target(self) -> Target:
        return target_of(
            endpoint=EngineEndpoint(name="m", base_url=f"http://127.0.0.1:{self.port}/v1", model="m")
        )

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")
                )
                served = Served(head, await reader.readexactly(length), number, writer)
                self.requests.append(served)
                await self.handler(served)
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.closed.set()
            writer.close()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[Server]:
    server = Server(handler)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()

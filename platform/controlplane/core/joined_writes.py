"""uvicorn's HTTP protocol with the head of a response and its first piece in one write: each is a call to the kernel, and of a
small answer the two are most of what is sent."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_HEAD = b"HTTP/"


class JoinedTransport:
    """Holds back a head until the next write, or until the running callback is over."""

    __slots__ = ("_held", "_loop", "_transport")

    def __init__(self, *, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        data, self._held = self._held, b""
        if data and not self._transport.is_closing():  # it may have been given up meanwhile
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoinedWrites(HttpToolsProtocol):
    """For `uvicorn --http controlplane.core.joined_writes:JoinedWrites`."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(JoinedTransport(transport=transport, loop=self.loop))  # type: ignore[arg-type]  # acts as one

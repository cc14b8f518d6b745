"""Asks a gateway as many clients at once would, each its next question when the last one is answered.

    python bench/gateway_load.py --port 8001 --path /v1/chat/completions --key kz_… --clients 16 --requests 4000 [--stream]

The last line is one JSON object, times in milliseconds.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from typing import cast

import httptools
import uvloop

SENT = re.compile(rb"T(\d{9,}) ")


@dataclass
class Seen:
    """Of all clients."""

    total: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    transit: list[float] = field(default_factory=list)
    failed: int = 0


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(ConnectionError(str(exc)))

    def begin(self, request: bytes) -> asyncio.Future[None]:
        self._parser = httptools.HttpResponseParser(self)
        self._first, self._rest, self._done = 0, b"", self._loop.create_future()
        self._transport.write(request)
        return self._done

    async def ask(self, request: bytes) -> None:
        begun = time.monotonic_ns()
        await self.begin(request)
        if self._parser.get_status_code() != 200:
            self._seen.failed += 1
            return
        self._seen.total.append((time.monotonic_ns() - begun) / 1e6)
        self._seen.first.append((self._first - begun) / 1e6)

    def leave(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._now = time.monotonic_ns()
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._first = self._first or self._now
        text = self._rest + body
        end = 0
        for found in SENT.finditer(text):
            self._seen.transit.append((self._now - int(found[1])) / 1e6)
            end = found.end()
        self._rest = text[max(end, len(text) - 24) :]

    def on_message_complete(self) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_result(None)


def request_of(*, port: int, path: str, key: str, model: str, streamed: bool, prompt: int) -> bytes:
    words = "lorem ipsum dolor sit amet " * (prompt // 27 + 1)
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": words[:prompt]}],
        "temperature": 0.6,
        "stream": streamed,
    }
    body = json.dumps(asked).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json"]
    lines += [f"Authorization: Bearer {key}", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


async def load(*, port: int, request: bytes, clients: int, requests: int) -> dict[str, float]:
    seen, left = Seen(), requests

    async def client() -> None:
        nonlocal left
        _transport, asking = await asyncio.get_running_loop().create_connection(
            lambda: Client(seen), "127.0.0.1", port
        )
        while left > 0:
            left -= 1
            await asking.ask(request)

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    seconds = time.perf_counter() - begun
    return {
        "per_s": len(seen.total) / seconds,
        "failed": seen.failed,
        "p50": statistics.median(seen.total),
        "p99": _at(seen.total, 99),
        "first_p50": statistics.median(seen.first),
        "first_p99": _at(seen.first, 99),
        "transit_p99": _at(seen.transit, 99) if seen.transit else 0.0,
        "pieces": len(seen.transit),
        "seconds": seconds,
    }


async def leave(*, port: int, request: bytes, clients: int) -> float:
    """Clients hang up in the middle of a stream; the moment, by the clock of all processes."""
    loop, connected = asyncio.get_running_loop(), []
    for _ in range(clients):
        _transport, asking = await loop.create_connection(lambda: Client(Seen()), "127.0.0.1", port)
        connected.append(asking)
        asking.begin(request)
    await asyncio.sleep(0.4)
    begun = time.monotonic()
    for asking in connected:
        asking.leave()
    await asyncio.sleep(1.0)
    return begun


def stopped(*, engine: int, since: float) -> dict[str, float]:
    """How many of the engine's answers ended with their clients, and how many milliseconds later the last one did."""
    with urllib.request.urlopen(f"http://127.0.0.1:{engine}/gone") as answer:
        gone = [at for at in json.load(answer)["gone_at"] if at >= since]
    return {"stopped": len(gone), "stopped_ms": (max(gone, default=since + 9.0) - since) * 1000, "failed": 0}


def _at(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v1/chat/completions")
    parser.add_argument("--key", default="none")
    parser.add_argument("--model", default="bench-64-0")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--prompt", type=int, default=2000, help="characters")
    parser.add_argument("--stream", action="store_true")
    parser.add_argument(
        "--leave", type=int, metavar="PORT", help="hang up, and ask the engine there when it noticed"
    )
    given = parser.parse_args()
    request = request_of(
        port=given.port,
        path=given.path,
        key=given.key,
        model=given.model,
        streamed=given.stream,
        prompt=given.prompt,
    )
    if given.leave:
        moment = uvloop.run(leave(port=given.port, request=request, clients=given.clients))
        print(json.dumps(stopped(engine=given.leave, since=moment)))
        return 0
    asked = load(port=given.port, request=request, clients=given.clients, requests=given.requests)
    print(json.dumps(uvloop.run(asked)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

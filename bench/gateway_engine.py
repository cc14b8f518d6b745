"""An engine that costs next to nothing, for `bench_gateway.py`: it answers at once, or streams pieces at a pace.

    python bench/gateway_engine.py --port 9100

The name of the model is what it does: `bench-<pieces>-<milliseconds between them>`, as `bench-64-20`. Each piece tells when it
was sent, by the clock that all processes of a machine share.
"""

import argparse
import asyncio
import json
import re
import time
from typing import cast

import httptools
import uvloop

NAMED = re.compile(rb'"model"\s*:\s*"bench-(\d+)-(\d+)"')
STREAMED = re.compile(rb'"stream"\s*:\s*true')
JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MODELS = [{"id": f"bench-64-{pause}", "object": "model", "max_model_len": 131072} for pause in (0, 20)]
TEXT = "The quick brown fox jumps over the lazy dog. " * 8
USAGE = {
    "prompt_tokens": 500,
    "completion_tokens": 64,
    "total_tokens": 564,
    "prompt_tokens_details": {"cached_tokens": 100},
}
# When clients left in the middle of a stream, by the clock of all processes.
_gone_at: list[float] = []


class Client(asyncio.Protocol):
    """One connection of a gateway."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._body = b"", b""
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            _gone_at.append(time.monotonic())

    def on_message_begin(self) -> None:
        self._url, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._url.endswith(b"/chat/completions"):
            listed = self._url.endswith(b"/models")
            self._json({"object": "list", "data": MODELS} if listed else {"gone_at": _gone_at})
            return
        named = NAMED.search(self._body)
        self._pieces, self._pause = (int(named[1]), int(named[2]) / 1000) if named else (64, 0.0)
        if STREAMED.search(self._body):
            self._begin()
        else:
            message = {"role": "assistant", "content": TEXT}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._json(
                {
                    "id": "c",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "m",
                    "choices": [choice],
                    "usage": USAGE,
                }
            )

    def _json(self, content: object) -> None:
        body = json.dumps(content).encode()
        self._transport.write(JSON_HEAD % len(body) + body)

    def _begin(self) -> None:
        self._left, self._begun = self._pieces, self._loop.time()
        self._transport.write(STREAM_HEAD + _event('{"role":"assistant","content":""}'))
        self._piece()

    def _piece(self) -> None:
        if not self._left:
            self._timer = None
            usage = json.dumps(
                {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [], "usage": USAGE}
            )
            end = _event("{}", '"stop"') + _chunk(f"data: {usage}\n\n".encode()) + _chunk(b"data: [DONE]\n\n")
            self._transport.write(end + b"0\r\n\r\n")
            return
        self._left -= 1
        self._transport.write(_event(f'{{"content":"T{time.monotonic_ns()} word"}}'))
        due = self._begun + (self._pieces - self._left) * self._pause
        self._timer = self._loop.call_at(due, self._piece)


def _event(delta: str, reason: str = "null") -> bytes:
    choice = f'{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}'
    chunk = f'{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]}}'
    return _chunk(f"data: {chunk}\n\n".encode())


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Client, "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))

"""An OpenAI-compatible engine that does exactly what a test tells it to.

    with FakeEngine(answers=lambda request: Answer(text="三年。", reasoning="查第2条")) as engine:
        ...  # KAREZ_ENGINES=engine.base_url
        assert engine.requests[0].body["messages"][-1]["content"] == "…"

It serves real HTTP on 127.0.0.1 from a thread, so that clients, timeouts and hang-ups are real.
"""

from __future__ import annotations

import array
import asyncio
import base64
import hashlib
import json
import math
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

ReasoningField = Literal["reasoning", "reasoning_content", "both", "think", "preopened"]


@dataclass(frozen=True)
class Answer:
    """One scripted reply to ``/v1/chat/completions`` or ``/v1/completions``.

    ``text`` (and ``reasoning``, in the place named by ``reasoning_in``) is streamed in pieces of ``chunk``
    characters, or exactly as ``chunks`` gives it. A ``status`` of 400 and above answers with an error object
    and ``headers``. ``delay`` seconds pass before the headers, ``first_token_delay`` before the first piece,
    ``piece_delay`` before each further one; ``math.inf`` hangs until the client leaves. After
    ``error_after`` pieces an error event is sent; after ``break_after`` pieces
    the connection is cut. ``usage`` is counted in characters unless given.
    """

    text: str = "好的。"
    reasoning: str = ""
    reasoning_in: ReasoningField = "reasoning"
    chunk: int = 4
    chunks: Sequence[str] | None = None
    finish_reason: str = "stop"
    status: int = 200
    error: str = "scripted error"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    first_token_delay: float = 0.0
    piece_delay: float = 0.0
    break_after: int | None = None
    error_after: int | None = None
    usage: Mapping[str, Any] | None = None


@dataclass
class RecordedRequest:
    """What a client sent, and how it left: ``hung_up`` is set when it closed before the end of the answer."""

    path: str
    headers: Mapping[str, str]
    body: Any
    finished: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    pieces_sent: int = 0


Script = Callable[[Mapping[str, Any]], Answer] | Answer


class _PromptServer(uvicorn.Server):
    """Ends when it is told to, not at the next tenth of a second: hundreds of tests wait for it."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._ended.wait()

    def end(self) -> None:
        """From another thread."""
        self.should_exit = True
        self._loop.call_soon_threadsafe(self._ended.set)


class FakeEngine:
    """Start with ``with``; ``answers`` may be replaced at any time."""

    def __init__(
        self,
        *,
        answers: Script = Answer(),
        models: Sequence[str] = ("fake-model",),
        api_key: str = "",
        embedding_dimension: int = 64,
        strict_models: bool = False,
        max_model_len: int | None = None,
        metrics: str | None = None,
        port: int = 0,
    ) -> None:
        self.answers = answers
        self.models = tuple(models)
        self.api_key = api_key
        self.embedding_dimension = embedding_dimension
        self.strict_models = strict_models
        self.max_model_len = max_model_len
        self.embedding_failures: list[tuple[int, Mapping[str, str]]] = []
        self.requests: list[RecordedRequest] = []
        self._server: _PromptServer | None = None
        self._thread: threading.Thread | None = None
        # The text of ``/metrics``; None for an engine that has no such page. ``scrapes`` are the credentials that came.
        self.metrics = metrics
        self.scrapes: list[str] = []
        # 0 until it runs, unless a port is asked for: an engine that comes back where it was.
        self.port = port

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT/v1``."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> FakeEngine:
        config = uvicorn.Config(
            self._application(),
            host="127.0.0.1",
            port=self.port,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._server = _PromptServer(config)
        self._thread = threading.Thread(target=self._server.run, name="fake-engine", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 15
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise RuntimeError("the fake engine did not start")
            time.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it now; again is no error. With ``with`` it can be started anew, on the same port."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            server.end()
            self._thread.join(timeout=10)

    def _application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", lambda _: JSONResponse({"status": "ok"})),
                Route("/metrics", self._metrics),
                Route("/v1/models", self._models),
                Route("/v1/chat/completions", self._generate, methods=["POST"]),
                Route("/v1/completions", self._generate, methods=["POST"]),
                Route("/v1/embeddings", self._embeddings, methods=["POST"]),
                Route("/v1/rerank", self._rerank, methods=["POST"]),
            ]
        )

    def _metrics(self, request: Request) -> Response:
        self.scrapes.append(request.headers.get("authorization", ""))
        return Response(
            self.metrics, media_type="text/plain", status_code=404 if self.metrics is None else 200
        )

    def _models(self, request: Request) -> Response:
        if denied := self._denied(request):
            return denied
        told = {"max_model_len": self.max_model_len} if self.max_model_len else {}
        rows = [{"id": name, "object": "model", "owned_by": "fake", **told} for name in self.models]
        return JSONResponse({"object": "list", "data": rows})

    def _denied(self, request: Request) -> Response | None:
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return _error(401, "Invalid API key")
        return None

    async def _received(self, request: Request) -> tuple[RecordedRequest, Response | None]:
        record = RecordedRequest(request.url.path, dict(request.headers), await request.json())
        self.requests.append(record)
        denied = self._denied(request)
        if not denied and self.strict_models and record.body.get("model") not in self.models:
            denied = _error(404, f"The model `{record.body.get('model')}` does not exist.")
        return record, denied

    async def _generate(self, request: Request) -> Response:
        record, denied = await self._received(request)
        if denied:
            return denied
        answer = self.answers(record.body) if callable(self.answers) else self.answers
        if await _pause(answer.delay, request, record):
            return Response(status_code=499)
        if answer.status >= 400:
            return _error(answer.status, answer.error, answer.headers)
        if record.body.get("stream"):
            stream = self._events(record, answer, request)
            return StreamingResponse(stream, media_type="text/event-stream")
        record.finished.set()
        return JSONResponse(_whole(record.body, answer))

    async def _events(
        self, record: RecordedRequest, answer: Answer, request: Request
    ) -> AsyncIterator[bytes]:
        try:
            if await _pause(answer.first_token_delay, request, record):
                return
            for number, delta in enumerate(_pieces(answer)):
                if number == answer.break_after:
                    raise _Cut
                if number == answer.error_after:
                    yield _event({"error": {"message": answer.error, "code": 500}})
                    yield b"data: [DONE]\n\n"
                    return
                if number and await _pause(answer.piece_delay, request, record):
                    return
                record.pieces_sent += 1
                chunk = _chunk(record.body, [{"index": 0, "delta": delta, "finish_reason": None}])
                yield _event(chunk | _count_so_far(record))
            yield _event(
                _chunk(record.body, [{"index": 0, "delta": {}, "finish_reason": answer.finish_reason}])
            )
            if (record.body.get("stream_options") or {}).get("include_usage"):
                yield _event(_chunk(record.body, []) | {"usage": _usage(record.body, answer)})
            yield b"data: [DONE]\n\n"
            record.finished.set()
        finally:
            if not record.finished.is_set() and answer.break_after is None and answer.error_after is None:
                record.hung_up.set()

    async def _embeddings(self, request: Request) -> Response:
        record, denied = await self._received(request)
        if denied:
            return denied
        if self.embedding_failures:
            status, headers = self.embedding_failures.pop(0)
            return _error(status, "scripted embedding failure", headers)
        texts = record.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        vectors = [hashed_embedding(text, dimension=self.embedding_dimension) for text in texts]
        as_base64 = record.body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": i, "embedding": _base64(vector) if as_base64 else vector}
            for i, vector in enumerate(vectors)
        ]
        record.finished.set()
        usage = {"prompt_tokens": sum(map(len, texts)), "total_tokens": sum(map(len, texts))}
        return JSONResponse(
            {"object": "list", "model": record.body.get("model"), "data": rows, "usage": usage}
        )

    async def _rerank(self, request: Request) -> Response:
        record, denied = await self._received(request)
        if denied:
            return denied
        query = set(record.body["query"])
        scored = [
            {"index": i, "relevance_score": len(query & set(text)) / max(1, len(query))}
            for i, text in enumerate(record.body["documents"])
        ]
        scored.sort(key=lambda row: -row["relevance_score"])
        record.finished.set()
        return JSONResponse({"model": record.body.get("model"), "results": scored})


class _Cut(Exception):
    pass


def hashed_embedding(text: str, *, dimension: int = 64) -> list[float]:
    """A unit vector that depends on the text alone; texts that share character pairs are near each other."""
    vector = [0.0] * dimension
    for pair in {text[i : i + 2] for i in range(max(1, len(text) - 1))}:
        digest = hashlib.blake2b(pair.encode(), digest_size=8).digest()
        vector[int.from_bytes(digest[:4], "little") % dimension] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:
        return [1.0] + [0.0] * (dimension - 1)
    return [value / length for value in vector]


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(array.array("f", vector).tobytes()).decode()


async def _pause(seconds: float, request: Request, record: RecordedRequest) -> bool:
    """Wait; True when the client left meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if await request.is_disconnected():
            record.hung_up.set()
            return True
        await asyncio.sleep(min(0.02, max(0.0, deadline - time.monotonic())))
    return False


def _pieces(answer: Answer) -> Iterator[dict[str, str]]:
    yield {"role": "assistant", "content": ""}
    text = answer.text
    if answer.reasoning_in == "think" and answer.reasoning:
        text = f"<think>\n{answer.reasoning}\n</think>\n\n{text}"
    elif answer.reasoning_in == "preopened" and answer.reasoning:
        text = f"{answer.reasoning}\n</think>\n\n{text}"
    elif answer.reasoning:
        names = (
            ("reasoning", "reasoning_content") if answer.reasoning_in == "both" else (answer.reasoning_in,)
        )
        for piece in _cut(answer.reasoning, answer.chunk):
            yield dict.fromkeys(names, piece)
    for piece in answer.chunks if answer.chunks is not None else _cut(text, answer.chunk):
        yield {"content": piece}


def _cut(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


def _chunk(body: Mapping[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": body.get("model"),
        "choices": choices,
    }


def _event(payload: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode()


def _whole(body: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for piece in _pieces(answer):
        for name, value in piece.items():
            message[name] = value if name == "role" else message.get(name, "") + value
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
    return {
        "id": "chatcmpl-fake",
        "object": "chat.completion",
        "created": 1,
        "model": body.get("model"),
        "choices": [choice],
        "usage": _usage(body, answer),
    }


def _count_so_far(record: RecordedRequest) -> Mapping[str, Any]:
    """As vLLM counts with each chunk when it is asked to; each piece is one token here."""
    if not (record.body.get("stream_options") or {}).get("continuous_usage_stats"):
        return {}
    return {"usage": {"prompt_tokens": 3, "completion_tokens": record.pieces_sent}}


def _usage(body: Mapping[str, Any], answer: Answer) -> Mapping[str, Any]:
    if answer.usage is not None:
        return answer.usage
    prompt = sum(len(str(message.get("content", ""))) for message in body.get("messages", []))
    completion = len(answer.text) + len(answer.reasoning)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning)},
    }


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    body = {"error": {"message": message, "type": "fake_error", "code": status}}
    return JSONResponse(body, status_code=status, headers=dict(headers or {}))

"""The OpenAI protocol, spoken to one endpoint."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from inference.chat_stream import ChatStreamReader
from inference.endpoints import EngineEndpoint
from inference.errors import EngineTimeout, EngineUnavailable
from inference.http import authorization, status_error, transport_error
from inference.messages import Completion, Delta, Message, Role, Usage
from inference.reasoning import ReasoningSplitter
from inference.sse import EventDecoder, EventTooLargeError
from inference.traits import preopens_reasoning
from inference.work import Work

__all__ = ["Completion", "Delta", "EngineClient", "EngineTimeouts", "Message", "Role", "Usage"]

# Engines serve more than they should without a key (`/invocations`, `/tokenize`): nothing else is forwarded.
FORWARDED_PATHS = frozenset({"chat/completions", "completions", "embeddings", "rerank", "responses", "score"})

_GENERATING = frozenset({"chat/completions", "completions", "responses"})


@dataclass(frozen=True, slots=True)
class EngineTimeouts:
    """Seconds. ``first_token`` covers queueing and reading the prompt; ``idle`` silence between pieces; ``whole`` an answer
    that is not streamed, of which nothing is heard before its end."""

    connect: float = 5.0
    first_token: float = 120.0
    idle: float = 60.0
    whole: float = 1800.0
    probe: float = 30.0


class EngineClient:
    """Talks to one endpoint; safe to share between tasks.

    Every method raises the ``EngineError`` family and nothing else for what the engine or the network does.
    A given ``http`` client is shared and stays open; without one the client owns its own. ``work`` counts its requests.
    """

    def __init__(
        self,
        *,
        endpoint: EngineEndpoint,
        http: httpx.AsyncClient | None = None,
        timeouts: EngineTimeouts | None = None,
        work: Work | None = None,
    ) -> None:
        self.endpoint = endpoint
        self._work = work or Work()
        self.timeouts = timeouts or EngineTimeouts()
        self._owns_http = http is None
        # Engines are inside the walls: a proxy of the environment is for the way out.
        self._http = http or httpx.AsyncClient(
            trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=100)
        )

    async def aclose(self) -> None:
        """Close the connections this client opened itself."""
        if self._owns_http:
            await self._http.aclose()

    async def stream_chat(
        self, *, messages: Sequence[Message], params: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Delta, None]:
        """The answer piece by piece; ``params`` are OpenAI's (``temperature``, ``max_tokens``, …).

        The last delta carries ``finish_reason`` and ``usage``. Closing the iterator (``aclosing``) or
        cancelling the task aborts the request at the engine.
        """
        path = "chat/completions"
        reader = ChatStreamReader(splitter=self._splitter(), where=self._where(path))
        deadline = asyncio.get_running_loop().time() + self.timeouts.first_token
        async with AsyncExitStack() as stack:
            request = self.forward(path=path, body=self._chat_body(messages, params or {}))
            async with self._first_token_limit(deadline):
                response = await stack.enter_async_context(request)
            payloads = await stack.enter_async_context(aclosing(self._payloads(response, deadline)))
            async for payload in payloads:
                if delta := reader.read(payload):
                    yield delta
                if reader.ended:
                    break
        if not reader.complete:
            raise EngineUnavailable(f"{self._where(path)}: the stream broke off")
        yield reader.last()

    async def chat(
        self, *, messages: Sequence[Message], params: Mapping[str, Any] | None = None
    ) -> Completion:
        """The whole answer. It is streamed underneath, so that silence is noticed and cancelling aborts."""
        content: list[str] = []
        reasoning: list[str] = []
        last = Delta()
        async with aclosing(self.stream_chat(messages=messages, params=params)) as deltas:
            async for last in deltas:
                content.append(last.content)
                reasoning.append(last.reasoning)
        return Completion(
            content="".join(content),
            reasoning="".join(reasoning),
            finish_reason=last.finish_reason or "stop",
            usage=last.usage,
        )

    def forward(self, *, path: str, body: Mapping[str, Any]) -> AbstractAsyncContextManager[httpx.Response]:
        """Send ``body`` on with the upstream model's name; the response is open and unread.

        ``path`` is relative to the base URL and must be in ``FORWARDED_PATHS`` (``ValueError``). Statuses of
        400 and above raise. Leaving the block closes the connection, which aborts what is not finished.
        """
        if path not in FORWARDED_PATHS:
            raise ValueError(f"{path!r} is not forwarded to engines")
        return self._forward(path, {**body, "model": self.endpoint.model})

    async def probe(self) -> float:
        """Seconds of a real request: one token, one embedding or one score.

        ``/health`` is not asked: a vLLM node can be dead behind a 200 there until the next request.
        """
        started = time.monotonic()
        path, body = _PROBES[self.endpoint.kind]
        try:
            async with asyncio.timeout(self.timeouts.probe), self.forward(path=path, body=body) as response:
                await response.aread()
        except TimeoutError as error:
            raise EngineTimeout(f"{self._where(path)}: no answer in {self.timeouts.probe:g} s") from error
        return time.monotonic() - started

    def _chat_body(self, messages: Sequence[Message], params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **params,
            "messages": [asdict(message) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _splitter(self) -> ReasoningSplitter:
        return ReasoningSplitter(preopened=preopens_reasoning(endpoint=self.endpoint))

    def _where(self, path: str) -> str:
        return f"{self.endpoint.base_url}/{path}"

    @asynccontextmanager
    async def _forward(self, path: str, body: Mapping[str, Any]) -> AsyncIterator[httpx.Response]:
        where, limits = self._where(path), self.timeouts
        silent = path in _GENERATING and not body.get("stream")
        read = limits.whole if silent else max(limits.first_token, limits.idle)
        timeout = httpx.Timeout(limits.connect, read=read, write=30.0)
        headers = authorization(api_key=self.endpoint.api_key)
        self._work.begun(base_url=self.endpoint.base_url)
        try:
            async with self._http.stream(
                "POST", where, json=body, headers=headers, timeout=timeout
            ) as answer:
                if answer.status_code >= 400:
                    raise status_error(
                        status=answer.status_code,
                        body=await answer.aread(),
                        headers=answer.headers,
                        where=where,
                    )
                yield answer
        except httpx.HTTPError as error:
            raise transport_error(error=error, where=where) from error
        finally:
            self._work.ended(base_url=self.endpoint.base_url)

    @asynccontextmanager
    async def _first_token_limit(self, deadline: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(deadline):
                yield
        except TimeoutError as error:
            limit = self.timeouts.first_token
            raise EngineTimeout(f"{self.endpoint.base_url}: no first token in {limit:g} s") from error

    async def _payloads(self, response: httpx.Response, first_deadline: float) -> AsyncGenerator[str, None]:
        """SSE payloads under the two limits. Keep-alive comments do not count as a sign of progress."""
        decoder = EventDecoder()
        chunks = aiter(response.aiter_bytes())
        async with self._first_token_limit(first_deadline):
            ready = await self._next_payloads(chunks, decoder)
        while ready:
            for payload in ready:
                yield payload
            try:
                async with asyncio.timeout(self.timeouts.idle):
                    ready = await self._next_payloads(chunks, decoder)
            except TimeoutError as error:
                raise EngineTimeout(f"{response.url}: silent for {self.timeouts.idle:g} s") from error

    async def _next_payloads(self, chunks: AsyncIterator[bytes], decoder: EventDecoder) -> list[str]:
        """The next whole events; empty at the end of the stream."""
        async for chunk in chunks:
            if ready := self._decoded(decoder, chunk):
                return ready
        return []

    def _decoded(self, decoder: EventDecoder, chunk: bytes) -> list[str]:
        try:
            return decoder.feed(chunk)
        except EventTooLargeError as error:
            raise EngineUnavailable(f"{self._where('chat/completions')}: {error}") from error


_PROBES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("chat/completions", {"messages": [{"role": "user", "content": "1"}], "max_tokens": 1}),
    "embedding": ("embeddings", {"input": ["1"]}),
    "rerank": ("rerank", {"query": "1", "documents": ["1"]}),
}

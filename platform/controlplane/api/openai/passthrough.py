"""Requests that go to an engine as they are: only the reasoning is put where every client finds it."""

import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.chat.completions import PassedCompletion
from controlplane.core.problems import Problem
from controlplane.serving.registry import Registry, engine_unavailable
from inference.endpoints import EngineEndpoint, reasons
from inference.errors import AnswerTimeout, EngineError, EngineUnavailable
from inference.messages import usage_from
from inference.reasoning import ReasoningSplitter, Split
from inference.sse import EventDecoder, EventTooLargeError

_END = "[DONE]"


@dataclass(frozen=True, slots=True)
class Passage:
    """One request on its way: where to, and under which name the client knows the model."""

    path: str
    body: Mapping[str, Any]
    model: str
    wants_usage: bool = False


async def passed_whole(
    *, registry: Registry, passage: Passage, completion: PassedCompletion
) -> dict[str, Any]:
    """The engine's whole answer. Raises Problem and the EngineError family."""
    try:
        for engine in await registry.find(name=passage.model):
            try:
                client = registry.client(endpoint=engine)
                async with client.forward(path=passage.path, body=passage.body) as response:
                    answer = object_of(await response.aread(), engine)
            except EngineError as error:
                completion.failure = error
                # One that was still writing is slow, not broken, and another replica would take as long.
                if not isinstance(error, EngineUnavailable) or isinstance(error, AnswerTimeout):
                    raise
                registry.set_aside(endpoint=engine)
                continue
            completion.given(usage=usage_from(answer.get("usage")), engine=engine.name)
            return _normalised_whole(answer, engine, passage)
        raise completion.failure or engine_unavailable()
    except Problem as problem:  # no engine tells which models it serves
        completion.failure = problem
        raise
    finally:
        completion.settle_in_background()


async def passed_stream(
    *, registry: Registry, passage: Passage, completion: PassedCompletion
) -> AsyncGenerator[bytes, None]:
    """The engine's events, each sent on as it arrives. Raises as `passed_whole`.

    Another replica is tried only while nothing has been sent.
    """
    try:
        for engine in await registry.find(name=passage.model):
            begun = False
            try:
                async for frame in _frames(registry, engine, passage, completion):
                    begun = True
                    yield frame
                return
            except EngineError as error:
                completion.failure = error
                if begun or not isinstance(error, EngineUnavailable):
                    raise
                registry.set_aside(endpoint=engine)
        raise completion.failure or engine_unavailable()
    except Problem as problem:  # no engine tells which models it serves
        completion.failure = problem
        raise
    finally:
        completion.settle_in_background()


async def _frames(
    registry: Registry, engine: EngineEndpoint, passage: Passage, completion: PassedCompletion
) -> AsyncGenerator[bytes, None]:
    options = {**(passage.body.get("stream_options") or {}), "include_usage": True}
    body = {**passage.body, "stream": True, "stream_options": options}
    chunks = _Chunks(engine=engine, passage=passage, completion=completion)
    decoder = EventDecoder()
    async with registry.client(endpoint=engine).forward(path=passage.path, body=body) as response:
        async for data in response.aiter_bytes():
            try:
                payloads = decoder.feed(data)
            except EventTooLargeError as error:
                raise EngineUnavailable(str(error)) from error
            if frame := b"".join(filter(None, map(chunks.frame, payloads))):
                yield frame
    if not chunks.complete:
        raise EngineUnavailable(f"{engine.base_url}: the stream broke off")
    completion.given(usage=completion.usage, engine=engine.name)
    yield b"data: [DONE]\n\n"


class _Chunks:
    """Rewrites the chunks of one stream."""

    def __init__(self, *, engine: EngineEndpoint, passage: Passage, completion: PassedCompletion) -> None:
        self._engine = engine
        self._passage = passage
        self._completion = completion
        self._splitters: dict[int, ReasoningSplitter] = {}
        self.complete = False

    def frame(self, payload: str) -> bytes:
        if payload.strip() == _END:
            self.complete = True
            return b""
        chunk = object_of(payload.encode(), self._engine)
        if chunk.get("error"):
            raise EngineUnavailable(str(chunk["error"]))
        usage = usage_from(chunk.get("usage"))
        self._completion.usage = usage or self._completion.usage
        choices = chunk.get("choices") or []
        if not choices and not self._passage.wants_usage:
            return b""
        for choice in choices:
            self._choice(choice)
        if not self._passage.wants_usage:
            chunk.pop("usage", None)
        chunk["model"] = self._passage.model
        return f"data: {json.dumps(chunk, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()

    def _choice(self, choice: dict[str, Any]) -> None:
        ended = choice.get("finish_reason") is not None
        self.complete = self.complete or ended
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        splitter = self._splitters.setdefault(choice.get("index", 0), _splitter(self._engine))
        apart = delta.pop("reasoning", None) or delta.pop("reasoning_content", None) or ""
        delta.pop("reasoning_content", None)
        if apart:
            splitter.answer_follows()
        had_content = isinstance(delta.get("content"), str)
        split = splitter.feed(delta["content"]) if had_content else Split()
        rest = splitter.finish() if ended else Split()
        content = split.content + rest.content
        reasoning = f"{apart}{split.reasoning}{rest.reasoning}"
        if had_content or content:
            delta["content"] = content
        if reasoning:
            delta["reasoning_content"] = delta["reasoning"] = reasoning


def _normalised_whole(answer: dict[str, Any], engine: EngineEndpoint, passage: Passage) -> dict[str, Any]:
    answer["model"] = passage.model
    for choice in answer.get("choices") or []:
        message = choice.get("message")
        if not isinstance(message, dict):
            continue
        apart = message.get("reasoning") or message.get("reasoning_content") or ""
        if isinstance(message.get("content"), str):
            splitter = _splitter(engine)
            if apart:
                splitter.answer_follows()
            head, tail = splitter.feed(message["content"]), splitter.finish()
            message["content"] = head.content + tail.content
            apart = apart or head.reasoning + tail.reasoning
        if apart:
            message["reasoning_content"] = message["reasoning"] = apart
    return answer


def _splitter(engine: EngineEndpoint) -> ReasoningSplitter:
    given = engine.preopened_reasoning
    return ReasoningSplitter(preopened=reasons(model=engine.model) if given is None else given)


def object_of(raw: bytes, engine: EngineEndpoint) -> dict[str, Any]:
    """Raises EngineUnavailable for what is no JSON object: a proxy's page of apology, for instance."""
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise EngineUnavailable(f"{engine.base_url}: an answer that is not JSON") from error
    if not isinstance(found, dict):
        raise EngineUnavailable(f"{engine.base_url}: an answer that is not an object")
    return found

"""Answers of engines as every client reads them: one place for the reasoning, one name for the model.

Engines put reasoning into ``reasoning`` (vLLM), ``reasoning_content`` (DeepSeek, SGLang, older vLLM), or into the text,
between tags or with the opening one missing. Clients get it in both fields and never in ``content``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from inference.errors import EngineUnavailable
from inference.gateway.sse import PayloadReader
from inference.messages import Usage, usage_from
from inference.reasoning import ReasoningSplitter, Split, may_reason
from inference.sse import EventTooLargeError

_END = b"[DONE]"
# A chunk of the first choice whose delta is text and nothing else, and what no such chunk has.
_PLAIN = re.compile(rb'"choices":\[\{"index":0,"delta":\{"content":"[^"]')
_SPECIAL = re.compile(
    rb'"(?:reasoning|reasoning_content|tool_calls|error)":|"usage":\{|"finish_reason":"|"index":[1-9]'
)
_LAST = b"data: [DONE]\n\n"
_COUNT = b',"usage":{'


class StreamNormaliser:
    """One stream. Feed what comes from the engine; what is returned goes to the client.

    ``model`` is the name that the client asked for. ``wants_usage``: the client asked for the chunk of usage at the end.
    ``preopened``: the text begins inside the reasoning. ``told`` goes to the client as ``karez`` with the end of the answer.
    After the stream ``usage`` is what the engine counted, or None; ``pieces`` and ``reasoning_pieces`` count the deltas that
    carried text, the best guess of tokens where nothing else is known.
    """

    def __init__(
        self,
        *,
        where: str,
        model: str,
        wants_usage: bool,
        preopened: bool,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self._where = where
        self._told = told
        self._model = model
        self._wants_usage = wants_usage
        self._preopened = preopened
        self._reader = PayloadReader()
        self._splitters: dict[int, ReasoningSplitter] = {}
        self._named: tuple[bytes, bytes] | None = None
        # Whether the engine counts with each chunk, at its end; and the newest count, unread.
        self._counts_last = False
        self._newest_count = b""
        self._ended = False
        self.usage: Usage | None = None
        self.complete = False
        self.pieces = 0
        self.reasoning_pieces = 0

    def feed(self, data: bytes) -> bytes:
        """The events that ``data`` completes, rewritten.

        Raises EngineUnavailable for an error event and for what is no answer.
        """
        try:
            payloads = self._reader.feed(data)
        except EventTooLargeError as error:
            raise EngineUnavailable(f"{self._where}: {error}") from error
        if len(payloads) == 1:
            return self._event(payloads[0])
        return b"".join([self._event(payload) for payload in payloads])

    def finish(self) -> bytes:
        """At the end of the engine's stream. Raises EngineUnavailable when it was not the end of the answer."""
        rest = b"".join([self._event(payload) for payload in self._reader.finish()])
        if not self.complete:
            raise EngineUnavailable(f"{self._where}: the stream broke off")
        return rest + _LAST

    def _event(self, payload: bytes) -> bytes:
        if self._ended:  # nothing belongs behind the end
            return b""
        if payload == _END:
            self.complete = self._ended = True
            return b""
        if self._named is not None and (plain := self._plain(payload, *self._named)):
            return plain
        chunk = _object(payload, self._where)
        if chunk.get("error"):
            raise EngineUnavailable(f"{self._where}: {chunk['error']}")
        self._counts_last = next(reversed(chunk), "") == "usage" and bool(chunk["usage"])
        choices = chunk.get("choices")
        if not self._counted(chunk, choices):
            return b""
        for choice in choices or ():
            self._choice(choice)
        self._learn(chunk.get("model"))
        if self._told is not None and self.complete:
            chunk["karez"], self._told = self._told, None
        chunk["model"] = self._model
        return b"data: %b\n\n" % orjson.dumps(chunk)

    def _learn(self, model: object) -> None:
        """Whether the chunks to come may be taken as bytes, once the answer of the one choice has begun."""
        if len(self._splitters) == 1 and 0 in self._splitters and self._splitters[0].settled:
            written = b'"model":%b'
            self._named = (written % orjson.dumps(model), written % orjson.dumps(self._model))
        else:
            self._named = None

    def _plain(self, payload: bytes, named: bytes, asked: bytes) -> bytes:
        """The event of a chunk that only adds to the text, without reading it; empty for one that has to be read.

        What is looked for cannot stand inside of a text: there its quotes would have a backslash before them.
        """
        if self._counts_last:
            payload = self._uncounted(payload)
        if named not in payload or not _PLAIN.search(payload) or _SPECIAL.search(payload):
            return b""
        if payload[-1:] != b"}":  # cut off
            return b""
        self.pieces += 1
        return b"data: %b\n\n" % payload.replace(named, asked, 1)

    def _uncounted(self, payload: bytes) -> bytes:
        """The chunk without its count, which is kept as it is: only that of the last one is ever read."""
        at = payload.rfind(_COUNT)
        if at < 0 or payload[-2:] != b"}}":
            return payload
        self._newest_count = payload[at + len(_COUNT) - 1 : -1]
        return payload[:at] + (b',"usage":null}' if self._wants_usage else b"}")

    def counted(self) -> Usage | None:
        """What the engine has counted so far, of a stream that ends in the middle too."""
        if self._newest_count:
            with suppress(ValueError):  # a count that cannot be read is none
                self.usage = usage_from(orjson.loads(self._newest_count)) or self.usage
            self._newest_count = b""
        return self.usage

    def _counted(self, chunk: dict[str, Any], choices: Any) -> bool:
        """Whether the chunk is for the client. Usage comes with every chunk of some engines; clients get it with the last."""
        if found := chunk.get("usage"):
            self.usage = usage_from(found) or self.usage
            self._newest_count = b""
        if not choices:
            return self._wants_usage or not found
        if not self._wants_usage:
            chunk.pop("usage", None)
        elif found:
            chunk["usage"] = None
        return True

    def _choice(self, choice: Any) -> None:
        if not isinstance(choice, dict):
            raise EngineUnavailable(f"{self._where}: a chunk that is no answer")
        ended = choice.get("finish_reason") is not None
        self.complete = self.complete or ended
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            self.pieces += bool(choice.get("text"))
            return
        index = choice.get("index", 0)
        splitter = self._splitters.get(index)
        if splitter is None:
            splitter = self._splitters[index] = ReasoningSplitter(preopened=self._preopened)
        self._delta(delta, splitter, ended)

    def _delta(self, delta: dict[str, Any], splitter: ReasoningSplitter, ended: bool) -> None:
        content = delta.get("content")
        apart = delta.pop("reasoning", None) or delta.get("reasoning_content") or ""
        delta.pop("reasoning_content", None)
        if apart:
            splitter.answer_follows()
        if apart or content or delta.get("tool_calls"):
            self.pieces += 1
        if splitter.settled and not apart:
            return
        had_content = isinstance(content, str)
        split = splitter.feed(content) if isinstance(content, str) else Split()
        rest = splitter.finish() if ended else Split()
        told, thought = split.content + rest.content, f"{apart}{split.reasoning}{rest.reasoning}"
        if had_content or told:
            delta["content"] = told
        if thought:
            self.reasoning_pieces += 1
            delta["reasoning_content"] = delta["reasoning"] = thought


def normalise_whole(
    *, raw: bytes, where: str, model: str, preopened: bool
) -> tuple[dict[str, Any], Usage | None]:
    """An answer that was not streamed, and what the engine counted. Raises EngineUnavailable for what is no JSON object: a
    proxy's page of apology, for instance."""
    answer = _object(raw, where)
    answer["model"] = model
    for choice in answer.get("choices") or ():
        message = choice.get("message") if isinstance(choice, dict) else None
        if isinstance(message, dict):
            _message(message, preopened)
    return answer, usage_from(answer.get("usage"))


def _message(message: dict[str, Any], preopened: bool) -> None:
    apart = message.get("reasoning") or message.get("reasoning_content") or ""
    content = message.get("content")
    if isinstance(content, str) and (apart or may_reason(text=content, preopened=preopened)):
        splitter = ReasoningSplitter(preopened=preopened)
        if apart:
            splitter.answer_follows()
        head, tail = splitter.feed(content), splitter.finish()
        message["content"] = head.content + tail.content
        apart = apart or head.reasoning + tail.reasoning
    if apart:
        message["reasoning_content"] = message["reasoning"] = apart


def _object(raw: bytes, where: str) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except ValueError as error:
        raise EngineUnavailable(f"{where}: an answer that is not JSON") from error
    if not isinstance(found, dict):
        raise EngineUnavailable(f"{where}: an answer that is not an object")
    return found


def forwarded_body(*, body: Mapping[str, Any], model: str, stream: bool, counting: bool = False) -> bytes:
    """What the engine gets: the request as it came, under the engine's own name of the model, and with its count of tokens.

    ``counting``: with each chunk (vLLM's ``continuous_usage_stats``), so that a stream which is given up is counted too.
    """
    sent = {**body, "model": model}
    if stream:
        options = {**(body.get("stream_options") or {}), "include_usage": True}
        if counting:
            options["continuous_usage_stats"] = True
        sent["stream_options"] = options
    return orjson.dumps(sent)

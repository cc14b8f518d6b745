"""A stream of chat completion chunks as the events of a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from inference.gateway.anthropic.answer import error_body, head_of, status_in_stream, stop_of, usage_of

_END = b"[DONE]"
_DELTAS = {"thinking": "thinking_delta", "text": "text_delta", "tool_use": "input_json_delta"}
_KEYS = {"thinking": "thinking", "text": "text", "tool_use": "partial_json"}


class MessageStream:
    """Feed bytes of Karez's own stream, whose reasoning is apart: they may be cut anywhere. Comments, which say that it
    goes on, become pings."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = False
        self._open: str | None = None
        self._index = -1
        self._call: int | None = None
        self._stop: tuple[str | None, str | None] = (None, None)
        self._usage = usage_of(None)
        self._told: dict[str, Any] = {}
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        """The events that ``data`` completes."""
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return b"".join(written for event in events for written in self._event(event))

    def _event(self, event: bytes) -> Iterator[bytes]:
        if event.startswith(b":"):
            yield _written("ping")
        elif event.startswith(b"data: ") and not self._ended:
            payload = event[6:]
            if payload == _END:
                yield from self._finish()
            else:
                yield from self._chunk(orjson.loads(payload))

    def _chunk(self, chunk: Mapping[str, Any]) -> Iterator[bytes]:
        if error := chunk.get("error"):
            self._ended = True
            yield _written("error", error=error_body(status=status_in_stream(error), error=error)["error"])
            return
        if not self._begun:
            self._begun = True
            yield _written("message_start", message=head_of(chunk))
        if chunk.get("usage"):
            self._usage = usage_of(chunk["usage"])
        self._told |= chunk.get("karez") or {}
        for choice in chunk.get("choices") or ():
            yield from self._delta(choice.get("delta") or {})
            if choice.get("finish_reason"):
                self._stop = stop_of(choice, called=self._call is not None)

    def _delta(self, delta: Mapping[str, Any]) -> Iterator[bytes]:
        if delta.get("annotations"):
            self._told["annotations"] = delta["annotations"]
        if thought := delta.get("reasoning") or delta.get("reasoning_content"):
            yield from self._text("thinking", thought)
        if text := delta.get("content"):
            yield from self._text("text", text)
        for call in delta.get("tool_calls") or ():
            yield from self._tool(call)

    def _text(self, kind: str, text: str) -> Iterator[bytes]:
        if self._open != kind:
            empty = {"type": kind, kind: ""} | ({"signature": ""} if kind == "thinking" else {})
            yield from self._begin(kind, empty)
        yield self._piece(kind, text)

    def _tool(self, call: Mapping[str, Any]) -> Iterator[bytes]:
        function, number = call.get("function") or {}, call.get("index", 0)
        if self._open != "tool_use" or self._call != number:
            self._call = number
            name, id_ = function.get("name") or "", call.get("id") or ""
            yield from self._begin("tool_use", {"type": "tool_use", "id": id_, "name": name, "input": {}})
        if arguments := function.get("arguments"):
            yield self._piece("tool_use", arguments)

    def _begin(self, kind: str, block: dict[str, Any]) -> Iterator[bytes]:
        yield from self._close()
        self._open, self._index = kind, self._index + 1
        yield _written("content_block_start", index=self._index, content_block=block)

    def _piece(self, kind: str, text: str) -> bytes:
        return _written(
            "content_block_delta", index=self._index, delta={"type": _DELTAS[kind], _KEYS[kind]: text}
        )

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            self._open = None
            yield _written("content_block_stop", index=self._index)

    def _finish(self) -> Iterator[bytes]:
        self._ended = True
        yield from self._close()
        reason, sequence = self._stop
        delta = {"stop_reason": reason or "end_turn", "stop_sequence": sequence}
        told = {"karez": self._told} if self._told else {}
        yield _written("message_delta", delta=delta, usage=self._usage, **told)
        yield _written("message_stop")


def _written(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))

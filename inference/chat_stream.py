"""Turn the events of an OpenAI chat stream into ``Delta``s."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from inference.errors import EngineError, EngineUnavailable
from inference.http import status_error
from inference.messages import Delta, Usage, usage_from
from inference.reasoning import ReasoningSplitter, Split

_END = "[DONE]"


class ChatStreamReader:
    """One reader for one stream. ``complete`` tells a finished answer from a connection that broke off."""

    def __init__(self, *, splitter: ReasoningSplitter, where: str) -> None:
        self._splitter = splitter
        self._where = where
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self.ended = False

    @property
    def complete(self) -> bool:
        """Whether the engine said that the answer is over; some end the stream without ``[DONE]``."""
        return self.ended or self._finish_reason is not None

    def read(self, payload: str) -> Delta | None:
        """The delta of one event; None when it carries no text. Raises ``EngineError`` for an error event."""
        if payload.strip() == _END:
            self.ended = True
            return None
        chunk = self._parsed(payload)
        self._usage = usage_from(chunk.get("usage")) or self._usage
        choices = chunk.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], Mapping):
            return None
        self._finish_reason = choices[0].get("finish_reason") or self._finish_reason
        split = self._split(choices[0].get("delta"))
        return Delta(content=split.content, reasoning=split.reasoning) if split != Split() else None

    def last(self) -> Delta:
        """What was held back, with the finish reason and the usage."""
        split = self._splitter.finish()
        return Delta(
            content=split.content,
            reasoning=split.reasoning,
            finish_reason=self._finish_reason or "stop",
            usage=self._usage,
        )

    def _parsed(self, payload: str) -> Mapping[str, Any]:
        try:
            chunk = json.loads(payload)
        except ValueError as error:
            raise EngineUnavailable(f"{self._where}: an event that is not JSON: {payload[:100]!r}") from error
        if not isinstance(chunk, Mapping):
            raise EngineUnavailable(f"{self._where}: an event that is not an object: {payload[:100]!r}")
        if chunk.get("error"):
            raise self._error(chunk)
        return chunk

    def _error(self, chunk: Mapping[str, Any]) -> EngineError:
        code = chunk["error"].get("code") if isinstance(chunk["error"], Mapping) else None
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        return status_error(status=status, body=json.dumps(chunk).encode(), headers={}, where=self._where)

    def _split(self, delta: object) -> Split:
        if not isinstance(delta, Mapping):
            return Split()
        # vLLM says `reasoning`, DeepSeek and llama.cpp `reasoning_content`; some send both, with one text.
        apart = delta.get("reasoning") or delta.get("reasoning_content") or ""
        if apart:
            self._splitter.answer_follows()
        split = self._splitter.feed(delta.get("content") or "")
        return Split(content=split.content, reasoning=f"{apart}{split.reasoning}")

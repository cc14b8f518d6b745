"""One question to the platform as a stream of what comes back."""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from frontend.chat.client import Caller, Platform
from frontend.chat.errors import PlatformError, broken

# Longer than any event the platform sends: what never ends is not kept.
_LONGEST_EVENT = 4 * 1024 * 1024
_QUEUED = re.compile(rb"queue\D{0,20}(\d{1,6})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Begun:
    """`standalone` is what is searched for when that isn't the question itself."""

    conversation_id: str
    question_id: str
    answer_id: str
    standalone: str


@dataclass(frozen=True, slots=True)
class Queued:
    """Others are before this question; how many, where the platform says so."""

    position: int | None


@dataclass(frozen=True, slots=True)
class Reasoned:
    text: str


@dataclass(frozen=True, slots=True)
class Said:
    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    citations: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """`reasoning_ms` is how long the model reasoned, as the platform keeps it; `overflow_from` who was asked, where another
    model (`model`) stood in."""

    refused: bool
    reason: str
    reasoning_ms: int | None = None
    model: str = ""
    overflow_from: str = ""


Part = Begun | Queued | Reasoned | Said | Cited | Ended


@dataclass(frozen=True, slots=True)
class Asked:
    assistant: str
    conversation_id: str
    text: str
    regenerate: bool = False

    def body(self) -> dict[str, Any]:
        karez: dict[str, Any] = {"conversation_id": self.conversation_id}
        if self.regenerate:
            karez["regenerate"] = True
        messages = [] if self.regenerate else [{"role": "user", "content": self.text}]
        return {
            "model": f"assistant:{self.assistant}",
            "messages": messages,
            "stream": True,
            "karez": karez,
        }


async def answer_parts(*, platform: Platform, caller: Caller, asked: Asked) -> AsyncGenerator[Part, None]:
    """Raises PlatformError, SignedOut: before the first part, or later when the answer breaks off."""
    async with platform.ask(caller=caller, body=asked.body()) as chunks, aclosing(_events(chunks)) as events:
        ended = False
        async for event in events:
            if event.startswith(b":"):
                if found := _QUEUED.search(event):
                    yield Queued(int(found[1]) if found[1] else None)
                continue
            data = event.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                ended = True
                break
            for part in _parts(_chunk(data)):
                yield part
        if not ended:
            raise broken()


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The events and comments of a stream, without what ends them."""
    held = b""
    async for chunk in chunks:
        held = (held + chunk).replace(b"\r\n", b"\n")
        *whole, held = held.split(b"\n\n")
        for event in whole:
            if event:
                yield event
        if len(held) > _LONGEST_EVENT:
            raise PlatformError("unexpected_answer", status=502)


def _chunk(data: bytes) -> dict[str, Any]:
    try:
        chunk = json.loads(data)
    except ValueError as error:
        raise PlatformError("unexpected_answer", status=502) from error
    if not isinstance(chunk, dict):
        raise PlatformError("unexpected_answer", status=502)
    if isinstance(problem := chunk.get("error"), dict):
        raise PlatformError(
            str(problem.get("code") or "internal_error"),
            message=str(problem.get("message") or ""),
            status=503,
            retry_after=problem.get("retry_after"),
        )
    return chunk


def _parts(chunk: dict[str, Any]) -> Sequence[Part]:
    parts: list[Part] = []
    told = chunk.get("karez") or {}
    if told.get("conversation_id"):
        parts.append(
            Begun(
                conversation_id=str(told["conversation_id"]),
                question_id=str(told.get("question_id") or ""),
                answer_id=str(told.get("answer_id") or told.get("message_id") or ""),
                standalone=str(told.get("standalone_question") or ""),
            )
        )
    for choice in chunk.get("choices") or []:
        delta = choice.get("delta") or {}
        if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
            parts.append(Reasoned(reasoning))
        if content := delta.get("content"):
            parts.append(Said(content))
        if annotations := delta.get("annotations"):
            parts.append(Cited(tuple(_citation(annotation) for annotation in annotations)))
        if choice.get("finish_reason"):
            refused = choice.get("karez") or {}
            reason = str(refused.get("reason") or "")
            parts.append(
                Ended(
                    bool(refused.get("refused")),
                    reason,
                    told.get("reasoning_ms"),
                    str(told.get("engine") or ""),
                    str(told.get("overflow_from") or ""),
                )
            )
    return parts


def _citation(annotation: dict[str, Any]) -> dict[str, Any]:
    """In the shape in which stored messages carry it."""
    told = annotation.get("url_citation") or {}
    return {**(annotation.get("karez") or {}), "title": told.get("title") or ""}

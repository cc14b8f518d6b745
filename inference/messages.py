"""What goes to a chat model and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the engine reports them.

    vLLM reports 0 ``reasoning_tokens`` when its template pre-opens ``<think>``: not a figure to bill from.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of an answer. ``reasoning`` is never part of ``content``; the last one carries ``usage``."""

    content: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. ``finish_reason`` is ``length`` when the token limit cut it."""

    content: str
    reasoning: str
    finish_reason: str
    usage: Usage | None


def usage_from(raw: object) -> Usage | None:
    """Read OpenAI's ``usage`` object, or DeepSeek's, which names cached tokens otherwise."""
    if not isinstance(raw, Mapping):
        return None
    prompt, completion = _details(raw, "prompt_tokens_details"), _details(raw, "completion_tokens_details")
    return Usage(
        prompt_tokens=_count(raw, "prompt_tokens"),
        completion_tokens=_count(raw, "completion_tokens"),
        cached_tokens=_count(prompt, "cached_tokens") or _count(raw, "prompt_cache_hit_tokens"),
        reasoning_tokens=_count(completion, "reasoning_tokens"),
    )


def _details(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def _count(raw: Mapping[str, Any], name: str) -> int:
    found = raw.get(name)
    return found if isinstance(found, int) else 0

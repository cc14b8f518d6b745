"""Answers from documents in the shape of chat completions."""

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from django.conf import settings

from controlplane.api.openai.streaming import queue_comment
from controlplane.api.openai.traces import trace_object, trace_of_end
from controlplane.chat.events import (
    Cited,
    CitedPassage,
    ContentDelta,
    Event,
    Failed,
    Finished,
    Queued,
    ReasoningDelta,
    Refused,
    Retrieved,
    Started,
    TracedPrompt,
    TracedSearch,
    TracedVerdict,
)
from inference.messages import Usage

Events = AsyncGenerator[Event, None]


@dataclass(slots=True)
class _Answer:
    """What the events have told so far."""

    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    started: Started | None = None
    retrieved: Retrieved | None = None
    refused: Refused | None = None
    finished: Finished | None = None
    citations: tuple[CitedPassage, ...] = ()
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    traces: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"chatcmpl-{self.started.message_id.hex}" if self.started else "chatcmpl"

    def head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def karez(self) -> dict[str, Any]:
        """Where the answer is kept, and what was searched for."""
        told: dict[str, Any] = {}
        if self.started:
            told["conversation_id"] = str(self.started.conversation_id)
            told["question_id"] = str(self.started.question_id)
            told["answer_id"] = told["message_id"] = str(self.started.message_id)
        if self.retrieved:
            told["standalone_question"] = self.retrieved.standalone_question
            told["degraded"] = list(self.retrieved.degraded)
        if self.finished and self.traces:
            told["trace"] = self.traces
        return told | self.ending()

    def ending(self) -> dict[str, Any]:
        """The deployment that answered, for `model` says what was asked for, and why that one; and how long it reasoned, as it
        is kept."""
        if not self.finished:
            return {}
        told: dict[str, Any] = {}
        if self.finished.engine:
            chosen = {name: value for name, value in asdict(self.finished.choice).items() if value}
            told |= {"engine": self.finished.engine, **chosen}
        if self.finished.timings.reasoning_ms is not None:
            told["reasoning_ms"] = self.finished.timings.reasoning_ms
        return told

    def refusal(self) -> dict[str, Any]:
        """Stands beside `finish_reason`."""
        return {"karez": {"refused": True, "reason": str(self.refused.reason)}} if self.refused else {}

    def note(self, event: Event) -> None:
        """Keep what later parts need. Raises the problem of a failure."""
        match event:
            case Started():
                self.started = event
            case Retrieved():
                self.retrieved = event
            case Refused():
                self.refused = event
            case Cited():
                self.citations = event.citations
            case Finished():
                self.finished = event
                self.traces += [trace_of_end(event)] if self.traces else []
            case TracedSearch() | TracedVerdict() | TracedPrompt():
                self.traces.append(trace_object(event))
            case ContentDelta():
                self.content.append(event.text)
            case ReasoningDelta():
                self.reasoning.append(event.text)
            case Failed():
                raise event.problem


async def whole(*, events: Events, model: str) -> dict[str, Any]:
    """A `chat.completion`. Raises Problem."""
    answer = _Answer(model)
    async with aclosing(events):
        async for event in events:
            answer.note(event)
    text = answer.refused.text if answer.refused else "".join(answer.content)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if answer.reasoning:
        message |= _reasoning("".join(answer.reasoning))
    message["annotations"] = annotations(answer.citations)
    reason = answer.finished.finish_reason if answer.finished else "stop"
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason, **answer.refusal()}
    body = {**answer.head("chat.completion"), "choices": [choice], "karez": answer.karez()}
    return body | ({"usage": usage_object(answer.finished.usage)} if answer.finished else {})


async def frames(*, events: Events, model: str, include_usage: bool) -> AsyncGenerator[bytes, None]:
    """The same as `chat.completion.chunk` events. Raises Problem, before the first frame or later."""
    answer = _Answer(model)
    begun, sent = False, 0
    async with aclosing(events):
        async for event in events:
            answer.note(event)
            if isinstance(event, Queued):
                yield queue_comment(event.place)
            deltas = _deltas(event, answer)
            traces, sent = answer.traces[sent:], len(answer.traces)
            if (deltas or traces) and not begun:
                begun = True
                first = {"role": "assistant", "content": ""}
                yield _frame(answer, [_choice(first)], include_usage, karez=answer.karez())
            for delta in deltas:
                yield _frame(answer, [_choice(delta)], include_usage)
            for trace in traces:
                yield _frame(answer, [], include_usage, karez={"trace": trace})
    reason = answer.finished.finish_reason if answer.finished else "stop"
    last = {**_choice({}), "finish_reason": reason, **answer.refusal()}
    yield _frame(answer, [last], include_usage, karez=answer.ending())
    if include_usage and answer.finished:
        yield _frame(answer, [], include_usage, usage=usage_object(answer.finished.usage))
    yield b"data: [DONE]\n\n"


def annotations(citations: Sequence[CitedPassage]) -> list[dict[str, Any]]:
    """OpenAI's own shape, with what it has no field for beside it."""
    return [_annotation(citation) for citation in citations]


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _annotation(citation: CitedPassage) -> dict[str, Any]:
    place = f"page={citation.page}" if citation.page else f"passage={citation.passage_id}"
    address = f"{settings.BASE_URL}/api/v1/documents/{citation.document_id}/content?{place}"
    return {
        "type": "url_citation",
        "url_citation": {
            "url": address,
            "title": citation.title,
            "start_index": citation.start,
            "end_index": citation.end,
        },
        "karez": {
            "document_id": str(citation.document_id),
            "page": citation.page,
            "page_end": citation.page_end,
            "section": citation.section,
            "chunk_id": citation.passage_id,
            "quote": citation.quote,
            "index": citation.index,
        },
    }


def _deltas(event: Event, answer: _Answer) -> list[dict[str, Any]]:
    match event:
        case ContentDelta():
            return [{"content": event.text}]
        case ReasoningDelta():
            return [_reasoning(event.text)]
        case Refused():
            return [{"content": event.text}]
        case Cited():
            return [{"annotations": annotations(answer.citations)}]
        case _:
            return []


def _reasoning(text: str) -> dict[str, str]:
    # DeepSeek's name and vLLM's.
    return {"reasoning_content": text, "reasoning": text}


def _choice(delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}


def _frame(
    answer: _Answer,
    choices: list[dict[str, Any]],
    include_usage: bool,
    *,
    usage: dict[str, Any] | None = None,
    karez: dict[str, Any] | None = None,
) -> bytes:
    chunk: dict[str, Any] = {**answer.head("chat.completion.chunk"), "choices": choices}
    if include_usage:
        chunk["usage"] = usage
    if karez:
        chunk["karez"] = karez
    return f"data: {json.dumps(chunk, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()

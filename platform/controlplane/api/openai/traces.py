"""How an answer came about, step by step, for who looks after the assistant."""

from dataclasses import asdict
from typing import Any

from controlplane.chat.events import Finished, Traced, TracedPrompt, TracedSearch, TracedVerdict
from controlplane.documents.search import FoundPassage


def trace_object(event: Traced) -> dict[str, Any]:
    """As it stands in `karez.trace`."""
    match event:
        case TracedSearch():
            return {
                "step": "search",
                "question": event.question,
                "passages": [_passage(n, passage) for n, passage in enumerate(event.passages, start=1)],
                "degraded": list(event.degraded),
                "rewrite_ms": event.rewrite_ms,
                "search_ms": event.search_ms,
            }
        case TracedVerdict():
            return {"step": "verdict", **asdict(event), "score": round(event.score, 4)}
        case TracedPrompt():
            return {
                "step": "prompt",
                "engine": event.engine,
                "messages": [asdict(message) for message in event.messages],
                "shown": list(event.shown),
                "parameters": dict(event.parameters),
                "reads_instructions": event.reads_instructions,
            }


def trace_of_end(finished: Finished) -> dict[str, Any]:
    return {
        "step": "end",
        "engine": finished.engine,
        **asdict(finished.choice),
        "first_token_ms": finished.timings.first_token_ms,
        "total_ms": finished.timings.total_ms,
        "reasoning_ms": finished.timings.reasoning_ms,
        "prompt_tokens": finished.usage.prompt_tokens,
        "completion_tokens": finished.usage.completion_tokens,
    }


def _passage(number: int, passage: FoundPassage) -> dict[str, Any]:
    return {
        "number": number,
        "document_id": str(passage.document_id),
        "chunk_id": passage.passage_id,
        "title": passage.title,
        "page": passage.page,
        "section": passage.section,
        "text": passage.text,
        "score": round(passage.score, 4),
        "dense": None if passage.dense is None else round(passage.dense, 4),
        "keyword": None if passage.keyword is None else round(passage.keyword, 4),
        "coverage": round(passage.coverage, 4),
    }

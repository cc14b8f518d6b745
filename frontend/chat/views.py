"""What the page is told of conversations, messages and sources: field by field, nothing passes unseen."""

from collections.abc import Iterable, Sequence
from typing import Any

from frontend.chat.theme import accents
from frontend.markdown.rendering import render

Json = dict[str, Any]

REASONS = ("wrong", "incomplete", "wrong_source", "outdated", "unclear", "refused", "other")


def assistant_view(row: Json) -> Json:
    brand = row.get("brand") or {}
    return {
        "slug": row["slug"],
        "name": row.get("name") or row["slug"],
        # What people call it; the platform's `department` is a short name for programs.
        "department": brand.get("name") or row.get("department") or "",
        "greeting": row.get("greeting") or "",
        "questions": [str(question) for question in row.get("opening_questions") or []][:8],
        "brand": {
            "name": brand.get("name") or "",
            "logo": _own_path(brand.get("logo_url")),
            "colors": accents(brand.get("color") or ""),
        },
    }


def conversation_view(row: Json) -> Json:
    return {
        "id": row["id"],
        "title": row.get("title") or "",
        "assistant": row.get("assistant"),
        "updated_at": row.get("updated_at") or row.get("created_at"),
    }


def message_view(row: Json) -> Json:
    """A question as it was typed; an answer as blocks of HTML, with its Markdown for copying."""
    shared = {
        "id": row.get("id") or "",
        "role": row["role"],
        "status": row["status"],
        "reason": row.get("reason") or "",
        "text": row.get("content") or "",
        "created_at": row.get("created_at"),
        "standalone": row.get("standalone_question") or "",
    }
    if row["role"] == "question":
        return shared
    citations = citation_views(row.get("citations") or [])
    return shared | {
        "blocks": render(
            shared["text"],
            known={citation["index"] for citation in citations},
            cut=row["status"] in ("stopped", "failed"),
        ),
        "reasoning": row.get("reasoning") or "",
        "reasoning_ms": row.get("reasoning_ms"),
        "model": row.get("model") or "",
        "overflow_from": row.get("overflow_from") or "",
        "citations": citations,
        "feedback": _feedback_view(row.get("feedback")),
    }


def message_views(rows: Sequence[Json]) -> list[Json]:
    return [message_view(row) for row in rows]


def citation_views(rows: Iterable[Json]) -> list[Json]:
    """One for each number, however often it stands in the answer."""
    found: dict[int, Json] = {}
    for row in rows:
        index = int(row["index"])
        found.setdefault(
            index,
            {
                "index": index,
                "document_id": str(row.get("document_id") or ""),
                "chunk_id": row.get("chunk_id"),
                "title": row.get("title") or "",
                "page": row.get("page"),
                "page_end": row.get("page_end"),
                "section": row.get("section") or "",
                "quote": row.get("quote"),
            },
        )
    return [found[index] for index in sorted(found)]


def file_view(row: Json) -> Json:
    error = row.get("error") or {}
    return {
        "id": str(row["id"]),
        "name": row.get("filename") or row.get("title") or "",
        "status": row.get("status") or "queued",
        "progress": row.get("progress") or 0,
        "error": error.get("message") or "",
    }


def passage_views(rows: Sequence[Json], *, chunk_id: int) -> list[Json]:
    return [
        {
            "text": row.get("text") or "",
            "page": row.get("page"),
            "page_end": row.get("page_end"),
            "section": row.get("section") or "",
            "cited": row.get("chunk_id") == chunk_id,
        }
        for row in sorted(rows, key=lambda row: row.get("ordinal") or 0)
    ]


def _feedback_view(row: Json | None) -> Json | None:
    if not row or row.get("rating") not in ("up", "down"):
        return None
    return {
        "rating": row["rating"],
        "reasons": [reason for reason in row.get("reasons") or [] if reason in REASONS],
        "comment": row.get("comment") or "",
    }


def _own_path(url: str | None) -> str:
    """A path on this host: the platform names its own public address, from which browsers may differ."""
    if not url:
        return ""
    path = url.split("://", 1)[-1]
    path = path[path.find("/") :] if "://" in url else path
    return path if path.startswith("/") and not path.startswith("//") else ""

"""The one place that turns HTTP outcomes of an engine into the errors of this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from inference.errors import (
    AnswerTimeout,
    ContextTooLong,
    EngineBusy,
    EngineError,
    EngineFailed,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
    UnknownModel,
)

_DETAIL_CHARACTERS = 500
# vLLM's words and OpenAI's, SGLang's, and llama.cpp's.
_CONTEXT_SIGNS = (
    "maximum context length",
    "longer than the model's context length",
    "available context size",
)


def authorization(*, api_key: str) -> dict[str, str]:
    """The header of a bearer key; nothing for an engine without one."""
    return {"Authorization": f"Bearer {api_key}"} if api_key else {}


def transport_error(*, error: httpx.HTTPError, where: str) -> EngineUnavailable:
    """A connection that failed, broke or took too long."""
    what = f"{where}: {type(error).__name__} {error}".rstrip()
    if isinstance(error, httpx.PoolTimeout):
        return EngineBusy(f"{where}: no free connection")
    if isinstance(error, httpx.ReadTimeout):
        return AnswerTimeout(what)
    if isinstance(error, httpx.TimeoutException):
        return EngineTimeout(what)
    return EngineUnavailable(what)


def status_error(*, status: int, body: bytes, headers: Mapping[str, str], where: str) -> EngineError:
    """An answer of 400 and above."""
    detail = error_detail(body)
    retry_after = retry_after_seconds(headers.get("retry-after"))
    if status in (429, 503):
        return EngineBusy(f"{where}: HTTP {status} {detail}", retry_after=retry_after)
    if status in (408, 504):
        return AnswerTimeout(f"{where}: HTTP {status} {detail}", retry_after=retry_after)
    if status >= 500:
        return EngineFailed(f"{where}: HTTP {status} {detail}", retry_after=retry_after)
    if status == 404 and "model" in detail.lower():
        return UnknownModel(detail)
    if status in (400, 413, 422) and any(sign in detail.lower() for sign in _CONTEXT_SIGNS):
        return ContextTooLong(detail, status=status)
    return EngineRejected(detail, status=status)


def error_detail(body: bytes) -> str:
    """The message of an OpenAI error object, else the beginning of the body."""
    text = body.decode("utf-8", "replace")
    try:
        parsed = json.loads(text)
    except ValueError:
        return text[:_DETAIL_CHARACTERS]
    found = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if isinstance(found, dict):
        found = found.get("message") or found.get("detail") or found
    return str(found)[:_DETAIL_CHARACTERS]


def retry_after_seconds(value: str | None) -> float | None:
    """``Retry-After`` in seconds, from either of its two forms (RFC 9110); None when absent or malformed."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds()) if moment.tzinfo else None

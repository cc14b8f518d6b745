"""A chat completion as a message, and errors in the words of the Messages API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def message_of(*, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Of a whole chat completion whose reasoning is apart (``reasoning``); ``karez`` stays beside it."""
    choice: Mapping[str, Any] = next(iter(answer.get("choices") or ()), {})
    message = choice.get("message") or {}
    content = list(_blocks(message))
    reason, sequence = stop_of(choice, called=any(each["type"] == "tool_use" for each in content))
    found = head_of(answer)
    found |= {
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "usage": usage_of(answer.get("usage")),
    }
    told = dict(answer.get("karez") or {})
    if message.get("annotations"):
        told["annotations"] = message["annotations"]
    return found | ({"karez": told} if told else {})


def head_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A message that has not begun."""
    return {
        "id": f"msg_{str(answer.get('id') or '').removeprefix('chatcmpl-')}",
        "type": "message",
        "role": "assistant",
        "model": answer.get("model") or "",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage_of(None),
    }


def stop_of(choice: Mapping[str, Any], *, called: bool) -> tuple[str | None, str | None]:
    """Why it ended, and the sequence that ended it, which vLLM names. `called`: a tool was, which vLLM does not say of one that
    the request named."""
    reason, sequence = choice.get("finish_reason"), choice.get("stop_reason")
    if reason == "stop" and called:
        return "tool_use", None
    if reason == "stop" and isinstance(sequence, str):
        return "stop_sequence", sequence
    return _STOPS.get(str(reason), "end_turn") if reason else None, None


def usage_of(usage: Any) -> dict[str, int]:
    """``input_tokens`` are those that were not read from the cache."""
    given: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    cached = _count((given.get("prompt_tokens_details") or {}).get("cached_tokens"))
    return {
        "input_tokens": max(0, _count(given.get("prompt_tokens")) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": _count(given.get("completion_tokens")),
    }


def status_in_stream(error: Mapping[str, Any]) -> int:
    """That an error would have had, had the response not begun."""
    if error.get("type") != "server_error":
        return 400
    return 500 if error.get("code") == "internal_error" else 503


def error_body(*, status: int, error: Mapping[str, Any]) -> dict[str, Any]:
    """Of ``error`` in OpenAI's shape; its code and the field's name stay in it."""
    kind = _ERRORS.get(status, "invalid_request_error" if status < 500 else "api_error")
    told = {name: error[name] for name in ("code", "param") if error.get(name)}
    return {"type": "error", "error": {"type": kind, "message": str(error.get("message", "")), **told}}


def _blocks(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if thought := message.get("reasoning") or message.get("reasoning_content"):
        # Nothing signs it here: it is dropped when it comes back.
        yield {"type": "thinking", "thinking": thought, "signature": ""}
    if text := message.get("content"):
        yield {"type": "text", "text": text}
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        yield {
            "type": "tool_use",
            "id": call.get("id") or "",
            "name": function.get("name") or "",
            "input": _arguments(function.get("arguments")),
        }


def _arguments(text: Any) -> dict[str, Any]:
    """A model may write what is no JSON: then it is given as it stands."""
    try:
        found = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {"arguments": text}
    return found if isinstance(found, dict) else {"arguments": found}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0

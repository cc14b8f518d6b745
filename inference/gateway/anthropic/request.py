"""A request of the Messages API as a chat completion.

What has no counterpart is refused by its name, never ignored: an answer that looks right and is not would be worse. Left out
without a word is only what agents send unasked and what takes nothing from an answer: ``cache_control`` (engines cache prefixes
by themselves), the tier of service, ``context_management`` (Anthropic's own clearing of long conversations: here the whole one
is read) and the thinking of earlier turns, which DeepSeek's templates leave out too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

Problem = Literal["missing", "wrong", "unsupported"]
_LONGEST_USER = 200
_SAME = ("model", "max_tokens", "temperature", "top_p", "top_k", "stream")
_DROPPED = {"service_tier", "inference_geo", "context_management"}
# What the protocol's efforts are called by engines.
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}


class MessagesError(ValueError):
    """``field`` is ``missing``, ``wrong`` (``wanted`` says what it must be), or ``unsupported`` here."""

    def __init__(self, problem: Problem, field: str, wanted: str = "") -> None:
        super().__init__(f"{field}: {problem} {wanted}")
        self.problem = problem
        self.field = field
        self.wanted = wanted


def chat_request(*, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the chat completion; of a stream it asks for the count at its end. Raises MessagesError.

    Values that both sides have alike (numbers, the model) go on unchecked: whoever takes the chat completion checks them.
    """
    for name in ("model", "max_tokens", "messages"):
        if sent.get(name) is None:
            raise MessagesError("missing", name)
    body: dict[str, Any] = {name: sent[name] for name in _SAME if sent.get(name) is not None}
    body["messages"] = [*_system(sent.get("system")), *_messages(sent["messages"])]
    for name, value in sent.items():
        if name in _SAME or name in ("system", "messages") or name in _DROPPED or value is None:
            continue
        if name not in _FIELDS:
            raise MessagesError("unsupported", name)
        body |= _FIELDS[name](value)
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    return body


def _system(system: Any) -> Iterator[dict[str, Any]]:
    if system is None:
        return
    text = system if isinstance(system, str) else _joined(system, "system")
    if text:
        yield {"role": "system", "content": text}


def _messages(given: Any) -> Iterator[dict[str, Any]]:
    for place, message in enumerate(_list(given, "messages")):
        field = f"messages.{place}"
        if not isinstance(message, Mapping):
            raise MessagesError("wrong", field, "an object")
        role, content = message.get("role"), message.get("content")
        if role not in ("user", "assistant", "system"):
            raise MessagesError("wrong", f"{field}.role", "user, assistant")
        if content is None:
            raise MessagesError("missing", f"{field}.content")
        if isinstance(content, str):
            yield {"role": role, "content": content}
        elif role == "user":
            yield from _of_user(content, f"{field}.content")
        elif role == "assistant":
            yield _of_assistant(content, f"{field}.content")
        else:
            yield {"role": role, "content": _joined(content, f"{field}.content")}


def _of_user(content: Any, field: str) -> Iterator[dict[str, Any]]:
    """Results of tools first, each a message of its own, then what the user says. A tool's message has text alone: pictures of
    its result come with what the user says."""
    parts: list[dict[str, Any]] = []
    for place, block in enumerate(_list(content, field)):
        where = f"{field}.{place}"
        if _kind(block, where) == "tool_result":
            message, pictures = _result(block, where)
            parts += pictures
            yield message
        else:
            parts.append(_part(block, where))
    if all(part["type"] == "text" for part in parts):
        if parts:
            yield {"role": "user", "content": "\n".join(part["text"] for part in parts)}
    else:
        yield {"role": "user", "content": parts}


def _result(block: Mapping[str, Any], field: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The message, and the pictures that are in it."""
    given = block.get("content") or ""
    blocks = [{"type": "text", "text": given}] if isinstance(given, str) else _list(given, f"{field}.content")
    parts = [_part(each, f"{field}.content.{place}") for place, each in enumerate(blocks)]
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    if block.get("is_error"):
        text = f"Error: {text}"
    message = {"role": "tool", "tool_call_id": _text(block, "tool_use_id", field), "content": text}
    return message, [part for part in parts if part["type"] != "text"]


def _part(block: Any, field: str) -> dict[str, Any]:
    """Text or a picture."""
    kind = _kind(block, field)
    if kind == "text":
        return {"type": "text", "text": _text(block, "text", field)}
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": _image(block.get("source"), f"{field}.source")}}
    raise MessagesError("unsupported", f"{field}.type")


def _of_assistant(content: Any, field: str) -> dict[str, Any]:
    texts, calls = [], []
    for place, block in enumerate(_list(content, field)):
        where = f"{field}.{place}"
        kind = _kind(block, where)
        if kind == "text":
            texts.append(_text(block, "text", where))
        elif kind == "tool_use":
            arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
            function = {"name": _text(block, "name", where), "arguments": arguments}
            calls.append({"id": _text(block, "id", where), "type": "function", "function": function})
        elif kind not in ("thinking", "redacted_thinking"):
            raise MessagesError("unsupported", f"{where}.type")
    # DeepSeek's templates tell a call from an answer by its having no content.
    said = "\n".join(texts) if texts or not calls else None
    return {"role": "assistant", "content": said} | ({"tool_calls": calls} if calls else {})


def _image(source: Any, field: str) -> str:
    kind = _kind(source, field)
    if kind == "base64":
        return f"data:{_text(source, 'media_type', field)};base64,{_text(source, 'data', field)}"
    if kind == "url":
        return _text(source, "url", field)
    raise MessagesError("unsupported", f"{field}.type")


def _tools(tools: Any) -> dict[str, Any]:
    return {"tools": [_tool(tool, f"tools.{place}") for place, tool in enumerate(_list(tools, "tools"))]}


def _tool(tool: Any, field: str) -> dict[str, Any]:
    """Tools with a type of their own run at Anthropic."""
    if not isinstance(tool, Mapping):
        raise MessagesError("wrong", field, "an object")
    if tool.get("type", "custom") not in ("custom", None):
        raise MessagesError("unsupported", f"{field}.type")
    function = {
        "name": _text(tool, "name", field),
        "parameters": tool.get("input_schema") or {"type": "object"},
    }
    if isinstance(tool.get("description"), str):
        function["description"] = tool["description"]
    return {"type": "function", "function": function}


def _tool_choice(choice: Any) -> dict[str, Any]:
    kind = _kind(choice, "tool_choice")
    found: dict[str, Any] = {}
    if kind in _CHOICES:
        found["tool_choice"] = _CHOICES[kind]
    elif kind == "tool":
        name = _text(choice, "name", "tool_choice")
        found["tool_choice"] = {"type": "function", "function": {"name": name}}
    else:
        raise MessagesError("wrong", "tool_choice.type", "auto, any, tool, none")
    if choice.get("disable_parallel_tool_use"):
        found["parallel_tool_calls"] = False
    return found


def _thinking(thinking: Any) -> dict[str, Any]:
    """For models that think on request (DeepSeek-V3.1's template reads ``thinking``); R1 thinks anyway."""
    kind = _kind(thinking, "thinking")
    if kind == "adaptive":
        return {}
    if kind not in ("enabled", "disabled"):
        raise MessagesError("wrong", "thinking.type", "enabled, adaptive, disabled")
    return {"chat_template_kwargs": {"thinking": kind == "enabled"}}


def _output(config: Any) -> dict[str, Any]:
    """How much is thought, and the form of the answer."""
    if not isinstance(config, Mapping):
        raise MessagesError("wrong", "output_config", "an object")
    found: dict[str, Any] = {}
    for name, value in config.items():
        if value is None:
            continue
        if name == "effort":
            if not isinstance(value, str) or value not in _EFFORTS:
                raise MessagesError("wrong", "output_config.effort", ", ".join(_EFFORTS))
            found["reasoning_effort"] = _EFFORTS[value]
        elif name == "format" and _kind(value, "output_config.format") == "json_schema":
            schema = {"name": "answer", "schema": value.get("schema") or {}, "strict": True}
            found["response_format"] = {"type": "json_schema", "json_schema": schema}
        else:
            raise MessagesError("unsupported", f"output_config.{name}")
    return found


def _stop(stop: Any) -> dict[str, Any]:
    return {"stop": list(_list(stop, "stop_sequences"))} if stop else {}


def _metadata(metadata: Any) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise MessagesError("wrong", "metadata", "an object")
    user = metadata.get("user_id")
    if user is None:
        return {}
    if not isinstance(user, str):
        raise MessagesError("wrong", "metadata.user_id", "a text")
    return {"user": user[:_LONGEST_USER]}


_FIELDS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "tools": _tools,
    "tool_choice": _tool_choice,
    "thinking": _thinking,
    "output_config": _output,
    "stop_sequences": _stop,
    "metadata": _metadata,
}


def _joined(blocks: Any, field: str) -> str:
    """The text of blocks that are nothing but text."""
    texts = []
    for place, block in enumerate(_list(blocks, field)):
        if _kind(block, f"{field}.{place}") != "text":
            raise MessagesError("unsupported", f"{field}.{place}.type")
        texts.append(_text(block, "text", f"{field}.{place}"))
    return "\n".join(texts)


def _list(value: Any, field: str) -> Sequence[Any]:
    if not isinstance(value, list):
        raise MessagesError("wrong", field, "a list")
    return value


def _kind(block: Any, field: str) -> str:
    if not isinstance(block, Mapping):
        raise MessagesError("wrong", field, "an object")
    return _text(block, "type", field)


def _text(block: Mapping[str, Any], name: str, field: str) -> str:
    found = block.get(name)
    if found is None:
        raise MessagesError("missing", f"{field}.{name}")
    if not isinstance(found, str):
        raise MessagesError("wrong", f"{field}.{name}", "a text")
    return found

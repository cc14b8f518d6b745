"""The Messages API, translated to chat completions and back."""

import json
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.gateway.anthropic import MessagesError, MessageStream, chat_request, error_body, message_of

ASKED: dict[str, Any] = {"model": "chat", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}


def translated(**more: Any) -> dict[str, Any]:
    return chat_request(sent={**ASKED, **more})


def test_plain_words_stay_as_they_are() -> None:
    assert translated(temperature=0.5, top_k=3, stop_sequences=["X"], metadata={"user_id": "u"}) == {
        "model": "chat",
        "max_tokens": 50,
        "temperature": 0.5,
        "top_k": 3,
        "messages": [{"role": "user", "content": "hi"}],
        "stop": ["X"],
        "user": "u",
    }


def test_a_conversation_with_tools_and_pictures() -> None:
    picture = {"type": "base64", "media_type": "image/png", "data": "AA=="}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "看"}, {"type": "image", "source": picture}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": ""},
                {"type": "text", "text": "我查一下"},
                {"type": "tool_use", "id": "t1", "name": "find", "input": {"q": "利率"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "t1",
                    "content": [{"type": "text", "text": "3%"}, {"type": "image", "source": picture}],
                    "is_error": True,
                },
                {"type": "text", "text": "继续", "cache_control": {"type": "ephemeral"}},
            ],
        },
    ]
    tools = [{"name": "find", "description": "d", "input_schema": {"type": "object"}}]
    body = translated(
        messages=messages,
        system=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        tools=tools,
        tool_choice={"type": "tool", "name": "find", "disable_parallel_tool_use": True},
        thinking={"type": "enabled", "budget_tokens": 1024},
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
        output_config={"effort": "max", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        stream=True,
    )
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "user",
    ]
    system, seen, said, result, last = body["messages"]
    assert system["content"] == "a\nb"
    assert seen["content"][1] == {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert said["content"] == "我查一下"
    assert json.loads(said["tool_calls"][0]["function"]["arguments"]) == {"q": "利率"}
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "Error: 3%"}
    assert last["content"] == [seen["content"][1], {"type": "text", "text": "继续"}]
    assert body["tools"][0]["function"]["parameters"] == {"type": "object"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert (body["parallel_tool_calls"], body["chat_template_kwargs"]) == (False, {"thinking": True})
    assert body["reasoning_effort"] == "high"
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert "context_management" not in body
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


@pytest.mark.parametrize(
    ("change", "problem", "field"),
    [
        ({"max_tokens": None}, "missing", "max_tokens"),
        ({"messages": "hi"}, "wrong", "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "wrong", "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "missing", "messages.0.content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "document"}]}]},
            "unsupported",
            "messages.0.content.0.type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "wrong",
            "messages.0.content.0.text",
        ),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "unsupported", "tools.0.type"),
        ({"tool_choice": {"type": "some"}}, "wrong", "tool_choice.type"),
        ({"mcp_servers": []}, "unsupported", "mcp_servers"),
        ({"output_config": {"effort": "huge"}}, "wrong", "output_config.effort"),
        ({"output_config": {"task_budget": {}}}, "unsupported", "output_config.task_budget"),
        ({"system": [{"type": "image"}]}, "unsupported", "system.0.type"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(change: dict[str, Any], problem: str, field: str) -> None:
    with pytest.raises(MessagesError) as refused:
        translated(**change)
    assert (refused.value.problem, refused.value.field) == (problem, field)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "text", "content", "role", "source", "name", "input", "id"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


# Drawing nested JSON is slow on the first run of a fresh checkout; what is tested is not.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from([*ASKED, "system", "tools", "tool_choice", "thinking", "metadata", "output_config"]),
        JSON,
    )
)
def test_whatever_is_sent_is_translated_or_refused(sent: dict[str, Any]) -> None:
    with suppress(MessagesError):
        json.dumps(chat_request(sent={**ASKED, **sent}))


WHOLE = {
    "id": "chatcmpl-1",
    "model": "chat",
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": "答",
                "reasoning": "想",
                "tool_calls": [{"id": "t", "function": {"name": "f", "arguments": '{"a": 1}'}}],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 6}},
}


def test_a_whole_answer() -> None:
    found = message_of(answer=WHOLE)
    assert found["content"] == [
        {"type": "thinking", "thinking": "想", "signature": ""},
        {"type": "text", "text": "答"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    assert (found["id"], found["type"], found["role"], found["stop_reason"]) == (
        "msg_1",
        "message",
        "assistant",
        "tool_use",
    )
    assert found["usage"] == {
        "input_tokens": 4,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 6,
        "output_tokens": 4,
    }


@pytest.mark.parametrize(
    ("choice", "reason", "sequence"),
    [
        ({"finish_reason": "stop"}, "end_turn", None),
        ({"finish_reason": "stop", "stop_reason": "X"}, "stop_sequence", "X"),
        ({"finish_reason": "stop", "stop_reason": 2}, "end_turn", None),
        ({"finish_reason": "length"}, "max_tokens", None),
        ({"finish_reason": "content_filter"}, "refusal", None),
    ],
)
def test_why_it_ended(choice: dict[str, Any], reason: str, sequence: str | None) -> None:
    found = message_of(answer={"choices": [{"message": {"content": "x"}, **choice}]})
    assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)


def chunk(delta: dict[str, Any], **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": more.pop("finish_reason", None)}
    return (
        b"data: "
        + json.dumps({"id": "chatcmpl-1", "model": "chat", "choices": [choice], **more}).encode()
        + b"\n\n"
    )


STREAM = b"".join(
    [
        b": queue position 1\n\n",
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning": "想", "reasoning_content": "想"}),
        chunk({"content": "答"}),
        chunk({"content": "案"}),
        chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
        chunk({}, finish_reason="tool_calls", karez={"deployment": "d", "route": "chat"}),
        b'data: {"id":"chatcmpl-1","model":"chat","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\n',
        b"data: [DONE]\n\n",
    ]
)


def events(raw: bytes) -> list[dict[str, Any]]:
    found = []
    for event in filter(None, raw.split(b"\n\n")):
        name, data = event.split(b"\n")
        found.append(json.loads(data.removeprefix(b"data: ")))
        assert name == b"event: " + found[-1]["type"].encode()
    return found


def test_a_stream_has_the_protocols_order() -> None:
    found = events(MessageStream().feed(STREAM))
    assert [(each["type"], each.get("index")) for each in found] == [
        ("ping", None),
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert found[3]["delta"] == {"type": "thinking_delta", "thinking": "想"}
    assert found[9]["content_block"] == {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    assert found[11]["delta"] == {"type": "input_json_delta", "partial_json": ": 1}"}
    last = found[-2]
    assert last["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert (last["usage"]["input_tokens"], last["usage"]["output_tokens"]) == (3, 2)
    assert last["karez"] == {"deployment": "d", "route": "chat"}


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_it_does_not_matter_where_a_stream_is_cut(cuts: list[int]) -> None:
    stream, places = MessageStream(), [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in pairwise(places)]
    assert b"".join(stream.feed(piece) for piece in pieces) == MessageStream().feed(STREAM)


def test_a_tool_that_the_request_named_ends_with_its_use() -> None:
    """vLLM says `stop` of it."""
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}
    whole = message_of(answer={"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "stop"}]})
    assert whole["stop_reason"] == "tool_use"
    stream = chunk({"tool_calls": [call]}) + chunk({}, finish_reason="stop") + b"data: [DONE]\n\n"
    assert events(MessageStream().feed(stream))[-2]["delta"]["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("code", "kind"), [("engine_unavailable", "overloaded_error"), ("internal_error", "api_error")]
)
def test_an_error_in_the_middle_is_the_last_event(code: str, kind: str) -> None:
    told = {"error": {"message": "gone", "type": "server_error", "code": code}}
    error = b"data: " + json.dumps(told).encode() + b"\n\ndata: [DONE]\n\n"
    found = events(MessageStream().feed(chunk({"content": "a"}) + error))
    assert found[-1] == {"type": "error", "error": {"type": kind, "message": "gone", "code": code}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (404, "not_found_error"),
        (405, "invalid_request_error"),
        (413, "request_too_large"),
        (429, "rate_limit_error"),
        (503, "overloaded_error"),
        (500, "api_error"),
    ],
)
def test_errors_have_the_protocols_types(status: int, kind: str) -> None:
    found = error_body(status=status, error={"message": "m", "code": "c", "param": None})
    assert found == {"type": "error", "error": {"type": kind, "message": "m", "code": "c"}}

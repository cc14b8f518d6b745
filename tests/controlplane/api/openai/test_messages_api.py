"""`/v1/messages` with Anthropic's own client."""

import json

import anthropic
import httpx
import pytest

from controlplane.identity.models import KeyScope
from tests.controlplane.api.openai.conftest import Bank, Served
from tests.controlplane.api.openai.test_openai_admission import SLOW, limit_tenant
from tests.controlplane.api.openai.test_openai_failures import wait_for
from tests.controlplane.api.openai.test_openai_ledger import entries
from tests.fakes.engine import Answer, FakeEngine

HELLO: list[anthropic.types.MessageParam] = [{"role": "user", "content": "hello"}]


def client(platform: Served, key: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=key, base_url=platform.base_url, max_retries=0, timeout=60)


def test_a_whole_answer_is_metered_by_its_own_name(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="你好。", reasoning="想一想")
    found = client(platform, bank.key.presented).messages.create(
        model="chat", max_tokens=50, system="简短", messages=HELLO, metadata={"user_id": "u1"}
    )
    assert [block.type for block in found.content] == ["thinking", "text"]
    assert (found.model, found.role, found.stop_reason) == ("chat", "assistant", "end_turn")
    assert engine.requests[0].path == "/v1/chat/completions"
    assert [message["role"] for message in engine.requests[0].body["messages"]] == ["system", "user"]
    [entry] = entries(bank, 1)
    assert (entry.call, entry.model, entry.end_user, entry.outcome) == ("messages", "chat", "u1", "given")
    assert entry.completion_tokens == found.usage.output_tokens > 0
    assert entry.prompt_tokens == found.usage.input_tokens + (found.usage.cache_read_input_tokens or 0)


def test_a_stream_with_a_bearer_key(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="一二三四五六", chunk=1, reasoning="想")
    bearer = anthropic.Anthropic(auth_token=bank.key.presented, base_url=platform.base_url, max_retries=0)
    with bearer.messages.stream(model="chat", max_tokens=50, messages=HELLO) as stream:
        assert "".join(stream.text_stream) == "一二三四五六"
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.stop_reason == "end_turn"
    [entry] = entries(bank, 1)
    assert (entry.call, entry.is_streamed, entry.completion_tokens) == (
        "messages",
        True,
        final.usage.output_tokens,
    )


def test_tools_are_those_of_the_chat_completion(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    tools: list[anthropic.types.ToolParam] = [{"name": "find", "input_schema": {"type": "object"}}]
    client(platform, bank.key.presented).messages.create(
        model="chat", max_tokens=50, messages=HELLO, tools=tools, tool_choice={"type": "any"}
    )
    body = engine.requests[0].body
    assert body["tools"] == [
        {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
    ]
    assert body["tool_choice"] == "required"


def test_errors_have_the_protocols_shape(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    own = client(platform, bank.key.presented)
    with pytest.raises(anthropic.NotFoundError) as unknown:
        own.messages.create(model="gpt-4", max_tokens=5, messages=HELLO)
    assert isinstance(unknown.value.body, dict)
    assert unknown.value.body["type"] == "error"
    assert unknown.value.body["error"]["type"] == "not_found_error"
    assert unknown.value.body["error"]["code"] == "model_not_found"
    with pytest.raises(anthropic.BadRequestError) as wrong:
        own.messages.create(model="chat", max_tokens=5, messages=HELLO, extra_body={"mcp_servers": []})
    assert isinstance(wrong.value.body, dict)
    assert (wrong.value.body["error"]["code"], wrong.value.body["error"]["param"]) == (
        "unsupported_parameter",
        "mcp_servers",
    )
    with pytest.raises(anthropic.BadRequestError) as range_:
        own.messages.create(model="chat", max_tokens=0, messages=HELLO)
    assert isinstance(range_.value.body, dict)
    assert range_.value.body["error"]["param"] == "max_tokens"
    engine.answers = Answer(status=500)
    with pytest.raises(anthropic.InternalServerError) as down:
        own.messages.create(model="chat", max_tokens=5, messages=HELLO)
    assert isinstance(down.value.body, dict)
    assert down.value.body["error"]["type"] == "overloaded_error"
    assert [entry.outcome for entry in entries(bank, 4)].count("rejected") == 3


def test_nobody_without_a_key_or_its_scope_gets_an_answer(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    searcher = bank.organisation.key(bank.organisation.finance, KeyScope.SEARCH)
    for headers, status, kind in (
        ({}, 401, "authentication_error"),
        ({"x-api-key": "kz_unknown"}, 401, "authentication_error"),
        ({"x-api-key": searcher.presented}, 403, "permission_error"),
    ):
        for body in (b"{", json.dumps({"model": "chat", "max_tokens": 5, "messages": HELLO}).encode()):
            answer = httpx.post(f"{platform.base_url}/v1/messages", content=body, headers=headers, timeout=30)
            assert answer.status_code == status
            assert answer.json()["error"]["type"] == kind
    assert httpx.get(f"{platform.base_url}/v1/messages", timeout=30).status_code == 405
    assert not engine.requests


def test_limits_hold_and_a_hang_up_stops_the_engine(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    limit_tenant(bank, concurrency=1)
    engine.answers = SLOW
    own = client(platform, bank.key.presented)
    with own.messages.stream(model="chat", max_tokens=50, messages=HELLO) as stream:
        next(iter(stream.text_stream))
        with pytest.raises(anthropic.RateLimitError) as refused:
            own.messages.create(model="chat", max_tokens=5, messages=HELLO)
        assert int(refused.value.response.headers["retry-after"]) >= 1
    wait_for(lambda: engine.requests[0].hung_up.is_set(), seconds=5)
    assert sorted(entry.outcome for entry in entries(bank, 2)) == ["rejected", "stopped"]


def test_an_assistant_answers_from_its_documents(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    engine.answers = Answer(text="抵押率最高不超过70%[1]。")
    found = client(platform, bank.key.presented).messages.create(
        model="assistant:finance",
        max_tokens=100,
        messages=[{"role": "user", "content": "住宅抵押率最高多少？"}],
    )
    assert [block.type for block in found.content] == ["text"]
    told = found.model_dump()["karez"]
    assert told["annotations"][0]["karez"]["document_id"]
    assert told["engine"]
    [entry] = entries(bank, 1)
    assert (entry.call, entry.model, entry.outcome) == ("messages", "assistant:finance", "given")

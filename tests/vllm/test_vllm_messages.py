"""`/v1/messages`: Anthropic's own client, Karez's gateway, and real vLLM."""

import json
from typing import Any

import anthropic
import pytest
from anthropic.types import MessageParam, TextBlock, ThinkingBlock, ToolParam, ToolUseBlock

from tests.vllm.conftest import Engines, Gateway
from tests.vllm.models import HERE

pytestmark = pytest.mark.timeout(1800)

GIVEN = json.loads((HERE / "dialogues.json").read_text(encoding="utf-8"))
DIALOGUES = {dialogue["name"]: dialogue for dialogue in GIVEN["dialogues"]}
FUNCTION = GIVEN["tools"][0]["function"]
TOOL: ToolParam = {
    "name": FUNCTION["name"],
    "description": FUNCTION["description"],
    "input_schema": FUNCTION["parameters"],
}
# Anthropic's client has no name for it any more; the protocol has.
COLD = {"temperature": 0}
WEATHER: MessageParam = {"role": "user", "content": "What is the weather in Beijing?"}


def client(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=60)


@pytest.mark.parametrize("name", ["french capital", "法国首都"])
def test_an_answer_and_its_thinking_whole_and_streamed(gateway: Gateway, engines: Engines, name: str) -> None:
    dialogue = DIALOGUES[name]
    asked: dict[str, Any] = {"model": "reasoner", "max_tokens": 300, "messages": dialogue["messages"]}
    known = gateway.client.chat.completions.create(
        model="reasoner", messages=dialogue["messages"], temperature=0
    )
    expected = known.choices[0].message
    whole = client(gateway).messages.create(**asked, extra_body=COLD)
    with client(gateway).messages.stream(**asked, extra_body=COLD) as stream:
        streamed = stream.get_final_message()
    for found in (whole, streamed):
        thought, said = found.content
        assert isinstance(thought, ThinkingBlock)
        assert isinstance(said, TextBlock)
        assert thought.thinking == expected.model_dump()["reasoning"]
        assert said.text == expected.content
        assert found.stop_reason == "end_turn"
        assert known.usage is not None
        assert found.usage.output_tokens == known.usage.completion_tokens
        read = found.usage.input_tokens + (found.usage.cache_read_input_tokens or 0)
        assert read == known.usage.prompt_tokens


def test_a_tool_is_called_and_its_result_goes_back(gateway: Gateway) -> None:
    asked: dict[str, Any] = {"model": "reasoner", "max_tokens": 300, "extra_body": COLD, "tools": [TOOL]}
    called = client(gateway).messages.create(**asked, messages=[WEATHER])
    with client(gateway).messages.stream(**asked, messages=[WEATHER]) as stream:
        streamed = stream.get_final_message()
    for found in (called, streamed):
        call = found.content[-1]
        assert isinstance(call, ToolUseBlock)
        assert (call.name, call.input, found.stop_reason) == ("get_weather", {"city": "Beijing"}, "tool_use")
    call = called.content[-1]
    assert isinstance(call, ToolUseBlock)
    result: MessageParam = {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 25 degrees"}],
    }
    said: MessageParam = {"role": "assistant", "content": called.content}
    answer = client(gateway).messages.create(**asked, messages=[WEATHER, said, result])
    assert isinstance(answer.content[-1], TextBlock)
    assert answer.content[-1].text == "It is sunny in Beijing, 25 degrees."


def test_a_tool_that_the_request_names_is_called(gateway: Gateway) -> None:
    named = {"type": "tool", "name": "get_weather"}
    asked: dict[str, Any] = {"model": "reasoner", "max_tokens": 300, "extra_body": COLD, "tools": [TOOL]}
    whole = client(gateway).messages.create(**asked, messages=[WEATHER], tool_choice=named)
    with client(gateway).messages.stream(**asked, messages=[WEATHER], tool_choice=named) as stream:
        streamed = stream.get_final_message()
    for found in (whole, streamed):
        assert isinstance(found.content[-1], ToolUseBlock)
        assert (found.content[-1].name, found.stop_reason) == ("get_weather", "tool_use")


def test_an_answer_in_a_form(gateway: Gateway) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
        "required": ["city", "country"],
        "additionalProperties": False,
    }
    found = client(gateway).messages.create(
        model="reasoner",
        max_tokens=300,
        messages=[{"role": "user", "content": "Describe Paris as JSON."}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
        extra_body=COLD,
    )
    assert isinstance(found.content[-1], TextBlock)
    assert json.loads(found.content[-1].text) == {"city": "Paris", "country": "France"}


def test_too_few_tokens_and_a_sequence_that_ends_it(gateway: Gateway) -> None:
    asked: dict[str, Any] = {
        "model": "chat",
        "extra_body": COLD,
        "messages": DIALOGUES["french capital"]["messages"],
    }
    assert client(gateway).messages.create(**asked, max_tokens=2).stop_reason == "max_tokens"
    found = client(gateway).messages.create(**asked, max_tokens=300, stop_sequences=["Paris"])
    assert (found.stop_reason, found.stop_sequence) == ("stop_sequence", "Paris")

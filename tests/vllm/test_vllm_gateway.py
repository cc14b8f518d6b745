"""The unmodified openai client, Karez's gateway, and real vLLM with a model of DeepSeek-V3's architecture."""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.vllm.conftest import CONTEXT_TOKENS, Engine, Engines, Gateway
from tests.vllm.models import HERE

pytestmark = pytest.mark.timeout(1800)

GIVEN = json.loads((HERE / "dialogues.json").read_text(encoding="utf-8"))
TOOLS = GIVEN["tools"]
DIALOGUES = {dialogue["name"]: dialogue for dialogue in GIVEN["dialogues"]}
PLAIN = ("french capital", "法国首都", "报销", "问候")
WEATHER = {"role": "user", "content": "What is the weather in Beijing?"}
ABORT_SECONDS, HANG_UPS = 0.5, 3
LONGEST = CONTEXT_TOKENS - 100


class Place(BaseModel):
    city: str
    country: str


def question(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def ask(gateway: Gateway, messages: Any, **parameters: Any) -> Any:
    parameters = {"model": "reasoner", "temperature": 0} | parameters
    return gateway.client.chat.completions.create(messages=messages, **parameters)


def reasoning_of(message: Any) -> str:
    """Both of its names must hold the same."""
    assert message.reasoning_content == message.reasoning
    return str(message.reasoning).strip()


def seconds_until(is_so: Callable[[], bool]) -> float:
    begin = time.monotonic()
    while not is_so():
        assert time.monotonic() - begin < 20
        time.sleep(0.01)
    return time.monotonic() - begin


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_and_its_reasoning(gateway: Gateway, name: str) -> None:
    dialogue = DIALOGUES[name]
    answer = ask(gateway, dialogue["messages"])
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == (dialogue["answer"], "stop")
    assert reasoning_of(choice.message) == dialogue["reasoning"]
    assert answer.model == "reasoner"


@pytest.mark.parametrize("name", PLAIN)
def test_the_same_as_a_stream(gateway: Gateway, name: str) -> None:
    dialogue = DIALOGUES[name]
    chunks = list(ask(gateway, dialogue["messages"], stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == dialogue["answer"]
    thought = [delta for delta in deltas if getattr(delta, "reasoning", None)]
    assert len(thought) > 3
    assert all(delta.reasoning == delta.reasoning_content for delta in thought)
    assert "".join(delta.reasoning for delta in thought).strip() == dialogue["reasoning"]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None and chunk.model == "reasoner" for chunk in chunks)


@pytest.mark.parametrize("stream", [False, True])
def test_usage_is_what_the_engine_counted(gateway: Gateway, engines: Engines, stream: bool) -> None:
    engine, dialogue = engines.latent, DIALOGUES["greeting"]
    text = dialogue["messages"][0]["content"]
    names = ("vllm:prompt_tokens_total", "vllm:generation_tokens_total")
    before = [engine.count(name) for name in names]
    if stream:
        *chunks, last = ask(gateway, question(text), stream=True, stream_options={"include_usage": True})
        assert last.choices == []
        assert all(chunk.usage is None for chunk in chunks)
        usage = last.usage
    else:
        usage = ask(gateway, question(text)).usage
    assert usage.prompt_tokens == engine.tokens(text=text)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 10
    wanted = [usage.prompt_tokens, usage.completion_tokens]
    seconds_until(lambda: [engine.count(n) - b for n, b in zip(names, before, strict=True)] == wanted)


def test_metrics_count_the_request(gateway: Gateway, engines: Engines) -> None:
    engine = engines.latent
    stopped = {"name": "vllm:request_success_total", "finished_reason": "stop"}
    first_tokens = "vllm:time_to_first_token_seconds_count"
    before = engine.count(**stopped), engine.count(first_tokens)
    ask(gateway, question("Hello"))
    seconds_until(
        lambda: (engine.count(**stopped), engine.count(first_tokens)) == (before[0] + 1, before[1] + 1)
    )


@pytest.mark.parametrize("name", ["weather", "天气"])
def test_a_tool_is_called(gateway: Gateway, name: str) -> None:
    dialogue = DIALOGUES[name]
    choice = ask(gateway, dialogue["messages"], tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert not choice.message.content
    assert reasoning_of(choice.message) == dialogue["reasoning"]
    [call] = choice.message.tool_calls
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments) == dialogue["call"]["arguments"]


def test_a_tool_is_called_in_a_stream(gateway: Gateway) -> None:
    chunks = list(ask(gateway, [WEATHER], tools=TOOLS, stream=True))
    parts = [part for chunk in chunks for part in chunk.choices[0].delta.tool_calls or []]
    assert [part.function.name for part in parts if part.function.name] == ["get_weather"]
    assert json.loads("".join(part.function.arguments or "" for part in parts)) == {"city": "Beijing"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ""


def test_without_tools_none_is_called(gateway: Gateway) -> None:
    message = ask(gateway, [WEATHER]).choices[0].message
    assert message.content == "I cannot see the weather from here."
    assert not message.tool_calls


def test_the_result_of_a_tool_goes_back(gateway: Gateway) -> None:
    called = ask(gateway, [WEATHER], tools=TOOLS).choices[0].message
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "Sunny, 25 degrees"}
    answer = ask(gateway, [WEATHER, called.model_dump(exclude_none=True), result], tools=TOOLS)
    assert answer.choices[0].message.content == "It is sunny in Beijing, 25 degrees."


def test_structured_output(gateway: Gateway) -> None:
    """With the client's own helper, which sends the model as a strict json_schema."""
    asked = {"model": "reasoner", "messages": question("Describe Paris as JSON."), "temperature": 0}
    answer = gateway.client.chat.completions.parse(**asked, response_format=Place, max_tokens=200)
    assert answer.choices[0].message.parsed == Place(city="Paris", country="France")
    assert reasoning_of(answer.choices[0].message) == "The city is Paris, in France."


def test_structured_output_binds_a_model_that_would_say_something_else(gateway: Gateway) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    form = {
        "type": "json_schema",
        "json_schema": {"name": "mood", "schema": schema | {"additionalProperties": False}},
    }
    content = ask(gateway, question("Hello"), response_format=form, max_tokens=200).choices[0].message.content
    assert json.loads(content)["mood"] in ("good", "bad")


def endless(gateway: Gateway, **parameters: Any) -> Any:
    extra = {"ignore_eos": True}
    return ask(gateway, question("Hello"), max_tokens=LONGEST, extra_body=extra, **parameters)


def idle(engine: Engine) -> bool:
    return engine.count("vllm:num_requests_running") == 0


def work_of(engine: Engine) -> tuple[float, float]:
    """Tokens written, and requests that came to an end of their own: this vLLM counts a hang-up as none."""
    return engine.count("vllm:generation_tokens_total"), engine.count("vllm:request_success_total")


def leave_stream(gateway: Gateway, engine: Engine) -> None:
    stream = endless(gateway, stream=True)
    next(iter(stream))
    seconds_until(lambda: not idle(engine))
    stream.close()


def leave_answer(gateway: Gateway, _engine: Engine) -> None:
    with pytest.raises(openai.APITimeoutError):
        endless(gateway, timeout=1.0)


@pytest.mark.parametrize("leave", [leave_stream, leave_answer])
def test_what_its_client_leaves_ends_at_the_engine(
    gateway: Gateway, engines: Engines, leave: Callable[[Gateway, Engine], None]
) -> None:
    engine, took = engines.latent, []
    tokens, ended = work_of(engine)
    for _ in range(HANG_UPS):
        leave(gateway, engine)
        took.append(seconds_until(lambda: idle(engine)))
    stopped_at = work_of(engine)
    assert statistics.median(took) < ABORT_SECONDS
    assert stopped_at[0] - tokens < HANG_UPS * LONGEST
    time.sleep(0.5)
    assert work_of(engine) == (stopped_at[0], ended)


def test_a_prefix_that_was_read_before_is_cached(gateway: Gateway, engines: Engines) -> None:
    """With the dense model: vLLM on a CPU caches no prefixes for latent attention."""
    rules = {"role": "system", "content": f"{uuid4().hex} " + "Answer as the rules of the house say. " * 60}
    hits = "vllm:prefix_cache_hits_total"
    before = engines.dense.count(hits)
    first, second = (
        ask(gateway, [rules, *question(text)], model="chat", max_tokens=3).usage for text in ("Hello", "你好")
    )
    assert first.prompt_tokens_details.cached_tokens == 0
    cached = second.prompt_tokens_details.cached_tokens
    assert second.prompt_tokens > cached > second.prompt_tokens // 2
    seconds_until(lambda: engines.dense.count(hits) - before == cached)


def test_the_dense_model_answers_too(gateway: Gateway) -> None:
    dialogue = DIALOGUES["法国首都"]
    message = ask(gateway, dialogue["messages"], model="chat").choices[0].message
    assert message.content == dialogue["answer"]


def test_a_context_that_cannot_fit_is_refused_by_name(gateway: Gateway, engines: Engines) -> None:
    before = engines.latent.count("vllm:prompt_tokens_total")
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(gateway, question("Hello " * CONTEXT_TOKENS))
    assert (refusal.value.code, refusal.value.param) == ("context_length_exceeded", "messages")
    assert str(CONTEXT_TOKENS) in refusal.value.message
    assert engines.latent.count("vllm:prompt_tokens_total") == before


def test_more_tokens_than_the_context_has_are_refused(gateway: Gateway) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        ask(gateway, question("Hello"), max_tokens=CONTEXT_TOKENS * 10)
    assert "max_model_len=4096" in refusal.value.message


def test_an_unknown_model_is_refused_with_those_there_are(gateway: Gateway) -> None:
    with pytest.raises(openai.NotFoundError) as refusal:
        ask(gateway, question("Hello"), model="tiny-r1")
    assert refusal.value.code == "model_not_found"
    assert "engine-tiny-r1" in refusal.value.message


@pytest.mark.parametrize("below", ["", "/v1"])
@pytest.mark.parametrize(
    "path",
    ["invocations", "tokenize", "detokenize", "metrics", "load", "ping", "version", "responses", "messages"],
)
def test_the_engines_other_calls_are_not_reached(
    gateway: Gateway, engines: Engines, below: str, path: str
) -> None:
    names = ("http_requests_total", "vllm:generation_tokens_total")
    own = {"handler": "/metrics"}  # what this test itself asks
    before = [engines.latent.count(name) - engines.latent.count(name, **own) for name in names]
    body = {"model": "tiny-r1", "messages": question("Hello"), "prompt": "Hello", "max_tokens": 1}
    headers = {"Authorization": f"Bearer {gateway.key}"}
    # Of this name Karez has a call of its own, which goes to the engine as a chat completion (test_vllm_messages).
    refused = {"GET": 405, "POST": 400} if (below, path) == ("/v1", "messages") else {"GET": 404, "POST": 404}
    for method, status in refused.items():
        answer = httpx.request(method, f"{gateway.base_url}{below}/{path}", json=body, headers=headers)
        assert answer.status_code == status
    after = [engines.latent.count(name) - engines.latent.count(name, **own) for name in names]
    assert after == before

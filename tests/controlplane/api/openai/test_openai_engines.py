"""Which engine answers, what it is asked beside the answer, and what becomes of an answer that is cut."""

import json
from collections.abc import Mapping
from typing import Any

import openai
import pytest

from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import QUESTION, RIGHT, ask, events_of, messages_of
from tests.fakes.engine import Answer, FakeEngine

HISTORY = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": "70%"}]
WHOLE = "以商业用房抵押的，抵押率最高不超过多少？"
FOLLOW_UP = {"role": "user", "content": "那商业用房呢？"}


def reasoning(body: Mapping[str, Any]) -> Answer:
    """R1: what it is given too few tokens for ends in the middle of a thought."""
    if "改写" not in str(body["messages"]):
        return Answer(text="商业用房抵押率最高不超过60%[1]。", reasoning="查")
    if body["max_tokens"] < 500:
        return Answer(text="", reasoning="用户在追问上一个问题……", finish_reason="length")
    return Answer(text=WHOLE, reasoning="用户在追问上一个问题，需要补全省略的对象。")


def test_a_model_that_reasons_has_room_to_rewrite_a_follow_up(
    platform: Served, bank: Bank, embedder: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeEngine(models=("deepseek-r1",), answers=reasoning) as r1:
        configure(monkeypatch, engines=r1.base_url)
        client = platform.client(bank.key.presented)
        answer = client.chat.completions.create(model="assistant:finance", messages=[*HISTORY, FOLLOW_UP])
    assert answer.karez["standalone_question"] == WHOLE
    assert answer.karez["engine"] == "deepseek-r1"
    rewriting, answering = (request.body for request in r1.requests)
    assert "改写" in str(rewriting)
    # Both count: the caller pays for both.
    spent = sum(len(str(m["content"])) for body in (rewriting, answering) for m in body["messages"])
    assert answer.usage.prompt_tokens == spent


def test_a_model_that_does_not_reason_rewrites_for_one_that_does(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.answers = Answer(text=WHOLE)
    with FakeEngine(models=("deepseek-r1",), answers=reasoning) as r1:
        configure(monkeypatch, engines=f"{r1.base_url},{engine.base_url}")
        answer = platform.client(bank.key.presented).chat.completions.create(
            model="deepseek-r1",
            messages=[*HISTORY, FOLLOW_UP],
            extra_body={"karez": {"knowledge_bases": [str(bank.base)]}},
        )
    assert answer.karez["standalone_question"] == WHOLE
    assert (answer.model, answer.karez["engine"]) == ("deepseek-r1", "deepseek-r1")
    assert (len(engine.requests), len(r1.requests)) == (1, 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_is_named_is_never_replaced(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    configure(monkeypatch, engines=f"http://127.0.0.1:9/v1,{engine.base_url}")
    with pytest.raises(openai.InternalServerError) as error:
        ask(
            platform.client(bank.key.presented),
            model="deepseek-r1",
            stream=stream,
            extra_body={"karez": {"knowledge_bases": [str(bank.base)]}},
        )
    assert (error.value.status_code, error.value.code) == (503, "engine_unavailable")
    assert engine.requests == []
    assert [message.status for message in messages_of(bank)] == ["failed"]
    assert [event.action for event in events_of(bank)] == ["question.asked", "answer.failed"]


def test_the_last_chunk_of_a_stream_names_the_engine(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = RIGHT
    chunks = list(ask(platform.client(bank.key.presented), stream=True))
    assert {chunk.model for chunk in chunks} == {"assistant:finance"}
    assert chunks[-1].karez == {"engine": "fake-model"}


def test_an_answer_that_is_cut_before_it_says_anything_says_so(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="", reasoning="想啊想", finish_reason="length")
    answer = ask(platform.client(bank.key.presented), max_tokens=5).choices[0]
    assert answer.finish_reason == "length"
    assert answer.karez == {"refused": True, "reason": "cut_off"}
    assert "max_tokens" in answer.message.content


def test_a_gate_that_fails_is_not_asked_further(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [{"name": "qwen-1.5b", "url": engine.base_url, "profile": "small"}]
    configure(monkeypatch, engines=json.dumps(small))
    engine.answers = RIGHT  # without logprobs
    assert ask(platform.client(bank.key.presented)).choices[0].message.content == RIGHT.text
    assert [request.body.get("max_tokens") for request in engine.requests] == [1, 256]

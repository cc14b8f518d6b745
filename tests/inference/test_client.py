"""The OpenAI protocol against an engine that behaves, and one that does not."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from inference.client import Completion, Delta, EngineClient, EngineTimeouts, Message, Usage
from inference.endpoints import EngineEndpoint
from inference.errors import (
    AnswerTimeout,
    EngineBusy,
    EngineFailed,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
    UnknownModel,
)
from tests.fakes.engine import Answer, FakeEngine, ReasoningField

QUESTION = [Message("system", "你是助手。"), Message("user", "保存期限？")]


def client_of(engine: FakeEngine, *, model: str = "fake-model", **timeouts: float) -> EngineClient:
    endpoint = EngineEndpoint(name="chat", base_url=engine.base_url, model=model, api_key=engine.api_key)
    return EngineClient(endpoint=endpoint, timeouts=EngineTimeouts(**timeouts))


async def deltas_of(client: EngineClient) -> list[Delta]:
    return [delta async for delta in client.stream_chat(messages=QUESTION, params={"temperature": 0})]


async def test_what_is_sent_and_what_comes_back() -> None:
    usage = {
        "prompt_tokens": 20,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 16},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    answer = Answer(text="保存三年。", chunk=2, usage=usage)
    with FakeEngine(answers=answer, api_key="k") as engine:
        found = await deltas_of(client_of(engine, model="upstream-id"))
        request = engine.requests[0]
    assert found == [
        Delta(content="保存"),
        Delta(content="三年"),
        Delta(content="。"),
        Delta(finish_reason="stop", usage=Usage(20, 5, cached_tokens=16, reasoning_tokens=2)),
    ]
    assert request.headers["authorization"] == "Bearer k"
    assert request.body == {
        "temperature": 0,
        "messages": [
            {"role": "system", "content": "你是助手。"},
            {"role": "user", "content": "保存期限？"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "model": "upstream-id",
    }


@pytest.mark.parametrize("place", ["reasoning", "reasoning_content", "both", "think"])
@pytest.mark.parametrize("model", ["fake-model", "deepseek-r1"])
async def test_reasoning_in_every_place(place: ReasoningField, model: str) -> None:
    answer = Answer(text="三年。", reasoning="先查第2条", reasoning_in=place, chunk=3)
    with FakeEngine(answers=answer) as engine:
        found = await client_of(engine, model=model).chat(messages=QUESTION)
    assert (found.content, found.reasoning, found.finish_reason) == ("三年。", "先查第2条", "stop")


async def test_reasoning_opened_by_the_template() -> None:
    answer = Answer(text="三年。", reasoning="先查第2条", reasoning_in="preopened", chunk=1)
    with FakeEngine(answers=answer) as engine:
        by_name = await client_of(engine, model="deepseek-ai/DeepSeek-R1").chat(messages=QUESTION)
        client = client_of(engine)
        client.endpoint = replace(client.endpoint, preopened_reasoning=True)
        by_setting = await client.chat(messages=QUESTION)
    assert (by_name.content, by_name.reasoning) == ("三年。", "先查第2条")
    assert by_setting == by_name


async def test_a_cut_answer_says_so() -> None:
    with FakeEngine(answers=Answer(text="半", finish_reason="length")) as engine:
        found = await client_of(engine).chat(messages=QUESTION, params={"max_tokens": 1})
    assert found == Completion("半", "", "length", Usage(10, 1))


@pytest.mark.parametrize(
    ("status", "headers", "kind", "retry_after"),
    [
        (500, {}, EngineFailed, None),
        (502, {"Retry-After": "3"}, EngineFailed, 3.0),
        (504, {}, AnswerTimeout, None),
        (429, {"Retry-After": "7"}, EngineBusy, 7.0),
        (503, {}, EngineBusy, None),
    ],
)
async def test_retryable_statuses(
    status: int, headers: dict[str, str], kind: type[EngineUnavailable], retry_after: float | None
) -> None:
    with (
        FakeEngine(answers=Answer(status=status, headers=headers)) as engine,
        pytest.raises(EngineUnavailable) as caught,
    ):
        await deltas_of(client_of(engine))
    assert type(caught.value) is kind
    assert caught.value.retry_after == retry_after


async def test_rejections() -> None:
    with (
        FakeEngine(answers=Answer(status=400, error="maximum context length is 4096")) as engine,
        pytest.raises(EngineRejected) as caught,
    ):
        await deltas_of(client_of(engine))
    assert (caught.value.status, caught.value.detail) == (400, "maximum context length is 4096")
    with FakeEngine(strict_models=True) as engine, pytest.raises(UnknownModel) as unknown:
        await deltas_of(client_of(engine, model="gone"))
    assert "gone" in unknown.value.detail


async def test_a_refused_connection() -> None:
    with FakeEngine() as engine:
        client = client_of(engine)
    with pytest.raises(EngineUnavailable):
        await deltas_of(client)


async def test_a_stream_that_breaks_off() -> None:
    seen: list[Delta] = []

    async def read(client: EngineClient) -> None:
        async for delta in client.stream_chat(messages=QUESTION):
            seen.append(delta)

    answer = Answer(text="一二三四五六", chunk=1, break_after=3)
    with FakeEngine(answers=answer) as engine, pytest.raises(EngineUnavailable):
        await read(client_of(engine))
    assert "".join(delta.content for delta in seen) == "一二"


async def test_an_error_inside_the_stream() -> None:
    answer = Answer(text="一二三", chunk=1, error_after=2, error="engine died")
    with FakeEngine(answers=answer) as engine, pytest.raises(EngineUnavailable, match="engine died"):
        await deltas_of(client_of(engine))


@pytest.mark.parametrize("answer", [Answer(delay=math.inf), Answer(first_token_delay=math.inf)])
async def test_no_first_token(answer: Answer) -> None:
    with FakeEngine(answers=answer) as engine:
        started = time.monotonic()
        with pytest.raises(EngineTimeout, match="first token"):
            await deltas_of(client_of(engine, first_token=0.3, idle=5))
        assert 0.3 <= time.monotonic() - started < 2
        assert engine.requests[0].hung_up.wait(3)


async def test_silence_in_the_middle() -> None:
    with FakeEngine(answers=Answer(text="一二三", chunk=1, piece_delay=math.inf)) as engine:
        with pytest.raises(EngineTimeout, match=r"silent for 0\.3 s"):
            await deltas_of(client_of(engine, first_token=5, idle=0.3))
        assert engine.requests[0].hung_up.wait(3)


async def test_closing_the_iterator_aborts_the_request() -> None:
    answer = Answer(text="字" * 400, chunk=1, piece_delay=0.02)
    with FakeEngine(answers=answer) as engine:
        async with aclosing(client_of(engine).stream_chat(messages=QUESTION)) as deltas:
            assert (await anext(deltas)).content == "字"
        assert engine.requests[0].hung_up.wait(3)
        assert engine.requests[0].pieces_sent < 100


async def test_cancelling_the_task_aborts_the_request() -> None:
    with FakeEngine(answers=Answer(first_token_delay=math.inf)) as engine:
        task = asyncio.create_task(client_of(engine).chat(messages=QUESTION))
        while not engine.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.requests[0].hung_up.wait(3)


async def test_forward_sends_the_upstream_name_and_passes_bytes() -> None:
    with FakeEngine(answers=Answer(text="甲乙", chunk=1)) as engine:
        client = client_of(engine, model="upstream-id")
        body = {"model": "public", "prompt": "x", "stream": True}
        async with client.forward(path="completions", body=body) as response:
            raw = await response.aread()
        assert raw.endswith(b"data: [DONE]\n\n")
        assert engine.requests[0].path == "/v1/completions"
        assert engine.requests[0].body == {**body, "model": "upstream-id"}


@pytest.mark.parametrize("path", ["../invocations", "tokenize", "/v1/chat/completions", ""])
async def test_nothing_else_is_forwarded(path: str) -> None:
    with FakeEngine() as engine:
        with pytest.raises(ValueError, match="not forwarded"):
            client_of(engine).forward(path=path, body={})
        assert engine.requests == []


@pytest.mark.parametrize(
    ("kind", "path"),
    [("chat", "/v1/chat/completions"), ("embedding", "/v1/embeddings"), ("rerank", "/v1/rerank")],
)
async def test_the_probe_is_a_real_request(kind: str, path: str) -> None:
    with FakeEngine() as engine:
        client = client_of(engine)
        client.endpoint = replace(client.endpoint, kind=kind)  # type: ignore[arg-type]
        assert 0 < await client.probe() < 5
        assert [request.path for request in engine.requests] == [path]


async def test_a_probe_does_not_wait_for_ever() -> None:
    with FakeEngine(answers=Answer(delay=math.inf)) as engine, pytest.raises(EngineTimeout):
        await client_of(engine, probe=0.3).probe()


async def test_many_streams_over_one_client() -> None:
    with FakeEngine(answers=lambda body: Answer(text=body["messages"][-1]["content"], chunk=1)) as engine:
        client = client_of(engine)
        questions = [f"问题{i}" for i in range(30)]
        answers = await asyncio.gather(*(client.chat(messages=[Message("user", q)]) for q in questions))
        await client.aclose()
    assert [answer.content for answer in answers] == questions

"""What goes to the engine as it is, and the lists."""

import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import openai
import pytest

from controlplane.identity.models import KeyScope
from controlplane.metering.ledger import ledger_take_all
from controlplane.metering.meter import journal_directory
from controlplane.serving.registry import registry
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import ask, events_of, messages_of
from tests.controlplane.knowledge import DIMENSION
from tests.fakes.engine import Answer, FakeEngine


def reasoning_of(message: Any) -> tuple[str | None, str | None]:
    return getattr(message, "reasoning_content", None), getattr(message, "reasoning", None)


@pytest.mark.parametrize("place", ["reasoning", "reasoning_content", "both", "think"])
@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_is_never_in_the_content(
    platform: Served, bank: Bank, engine: FakeEngine, place: Any, stream: bool
) -> None:
    engine.answers = Answer(text="你好。", reasoning="先想一想", reasoning_in=place, chunk=1)
    answer = ask(platform.client(bank.key.presented), "你好", model="chat", stream=stream)
    if stream:
        deltas = [chunk.choices[0].delta for chunk in answer]
        content = "".join(delta.content or "" for delta in deltas)
        reasoning = [
            "".join(part or "" for part in parts) for parts in zip(*map(reasoning_of, deltas), strict=True)
        ]
    else:
        content, reasoning = answer.choices[0].message.content, list(reasoning_of(answer.choices[0].message))
    assert content == "你好。"
    assert reasoning == ["先想一想", "先想一想"]


def test_a_preopened_block_is_reasoning_too(
    served: Served, embedder: FakeEngine, engine: FakeEngine, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = [{"name": "deepseek-r1", "url": engine.base_url, "routes": ["reasoner"]}]
    configure(monkeypatch, engines=json.dumps(engines), embedding_url=embedder.base_url)
    engine.answers = Answer(text="你好。", reasoning="先想", reasoning_in="preopened", chunk=1)
    chunks = list(ask(served.client(bank.key.presented), "你好", model="reasoner", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "你好。"
    assert chunks[0].model == "reasoner"
    assert engine.requests[0].body["model"] == "deepseek-r1"


def test_unknown_parameters_reach_the_engine_and_usage_is_as_asked(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    client = platform.client(bank.key.presented)
    chunks = list(
        ask(client, "你好", model="fake-model", stream=True, temperature=0.5, extra_body={"top_k": 7})
    )
    assert engine.requests[0].body["temperature"] == 0.5
    assert engine.requests[0].body["top_k"] == 7
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    with_usage = list(
        ask(client, "你好", model="fake-model", stream=True, stream_options={"include_usage": True})
    )
    assert with_usage[-1].usage.completion_tokens == 3


def test_it_is_audited_and_its_text_kept_nowhere(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    answer = ask(platform.client(bank.key.presented), "你好", model="fake-model")
    assert answer.usage.total_tokens == 5
    assert messages_of(bank) == []
    [given] = _eventually(bank, 1)
    assert (given.action, given.data["model"], given.data["engine"]) == (
        "answer.given",
        "fake-model",
        "fake-model",
    )
    assert (given.data["prompt_tokens"], given.data["completion_tokens"]) == (2, 3)
    assert "你好" not in json.dumps(given.data, ensure_ascii=False)


def test_a_failure_is_audited(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    import openai

    engine.answers = Answer(status=500)
    with pytest.raises(openai.InternalServerError) as error:
        ask(platform.client(bank.key.presented), "你好", model="fake-model")
    assert (error.value.status_code, error.value.code) == (503, "engine_unavailable")
    assert [(e.action, e.data["reason"]) for e in _eventually(bank, 1)] == [
        ("answer.failed", "engine_unavailable")
    ]
    engine.answers = Answer(status=400, error="max_tokens is too large")
    with pytest.raises(openai.BadRequestError) as rejected:
        ask(platform.client(bank.key.presented), "你好", model="fake-model")
    assert "max_tokens is too large" in rejected.value.message
    assert [e.data["reason"] for e in _eventually(bank, 2)][1:] == ["engine_rejected"]


def test_completions_pass_through(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    platform.client(bank.key.presented).completions.create(model="chat", prompt="从前", max_tokens=5)
    [request] = engine.requests
    assert (request.path, request.body["model"], request.body["prompt"]) == (
        "/v1/completions",
        "fake-model",
        "从前",
    )


def test_embeddings_come_from_the_embedding_service(
    platform: Served, bank: Bank, embedder: FakeEngine
) -> None:
    import openai

    client = platform.client(bank.key.presented)
    for model in ("use", "use-multilingual-v3"):
        answer = client.embeddings.create(model=model, input=["甲", "乙"])
        assert [len(row.embedding) for row in answer.data] == [DIMENSION, DIMENSION]
        assert answer.model == model
    with pytest.raises(openai.NotFoundError) as error:
        client.embeddings.create(model="ada", input="x")
    assert error.value.code == "model_not_found"


def test_the_list_has_models_routes_and_the_keys_own_assistants(
    platform: Served, bank: Bank, engine: FakeEngine
) -> None:
    listed = [row.id for row in platform.client(bank.key.presented).models.list()]
    assert listed == ["fake-model", "chat", "auto", "use", "assistant:finance"]
    stranger = bank.organisation.key(bank.organisation.energy)
    assert "assistant:finance" not in [row.id for row in platform.client(stranger.presented).models.list()]
    searcher = bank.organisation.key(bank.organisation.finance, KeyScope.SEARCH)
    assert "assistant:finance" not in [row.id for row in platform.client(searcher.presented).models.list()]
    assert platform.client(bank.key.presented).models.retrieve("assistant:finance").owned_by == "karez"


def _eventually(bank: Bank, count: int) -> list[Any]:
    from tests.controlplane.api.openai.test_openai_failures import wait_for

    wait_for(lambda: ledger_take_all(directory=journal_directory()) >= 0 and len(events_of(bank)) >= count)
    return events_of(bank)


def test_an_answer_that_is_not_streamed_may_take_longer_than_a_first_token(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, engines=engine.base_url, engine_first_token_seconds=0.5, engine_idle_seconds=0.5)
    engine.answers = Answer(text="好的。", delay=1.5)
    asked = {"model": "fake-model", "messages": [{"role": "user", "content": "在吗"}]}
    answer = platform.client(bank.key.presented).chat.completions.create(**asked)
    assert answer.choices[0].message.content == "好的。"


def test_an_engine_that_is_slow_is_neither_set_aside_nor_asked_twice(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = [{"name": "m", "url": engine.base_url}, {"name": "m", "url": engine.base_url, "model": "other"}]
    configure(monkeypatch, engines=json.dumps(twice), engine_whole_seconds=0.5)
    engine.answers = Answer(delay=math.inf)
    client = platform.client(bank.key.presented)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "在吗"}])
    assert len(engine.requests) == 1
    (endpoint, _other) = registry().known(name="m")
    breaker = registry().router.candidate(endpoint=endpoint).breaker
    assert not breaker.is_suspect(now=time.monotonic())


def raw(platform: Served, bank: Bank, path: str, body: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bank.key.presented}", "Accept-Language": "en"}
    return httpx.post(f"{platform.base_url}/v1/{path}", json=body, headers=headers, timeout=30)


def test_rerank_goes_to_an_engine_of_that_kind(
    platform: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"model": "bge-reranker", "query": "抵押率", "documents": ["抵押率70%", "礼品"]}
    missing = raw(platform, bank, "rerank", body)
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")
    ranker = {"name": "bge-reranker", "url": engine.base_url, "model": "ranker", "kind": "rerank"}
    configure(monkeypatch, engines=json.dumps([ranker]))
    found = raw(platform, bank, "rerank", body)
    assert found.status_code == 200
    assert found.json()["model"] == "bge-reranker"
    assert len(found.json()["results"]) == 2
    assert engine.requests[-1].body["model"] == "ranker"
    other = raw(platform, bank, "rerank", {**body, "model": "nothing"})
    assert "bge-reranker" in other.json()["error"]["message"]
    ids = [row.id for row in platform.client(bank.key.presented).models.list().data]
    assert "bge-reranker" in ids


def test_template_arguments_go_on_to_the_engine(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    asked = {"chat_template_kwargs": {"thinking": False}, "top_k": 5}
    ask(platform.client(bank.key.presented), "在吗", model="fake-model", extra_body=asked)
    assert asked.items() <= engine.requests[0].body.items()


def test_a_silent_engine_is_recorded_as_a_failure_of_a_question_that_is_not_kept(
    platform: Served, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, engines="http://127.0.0.1:9/v1")
    body = {"model": "fake-model", "messages": [{"role": "user", "content": "在吗"}]}
    for stream in (False, True):
        answer = raw(platform, bank, "chat/completions", {**body, "stream": stream})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")
        assert "kept" not in answer.json()["error"]["message"]
    assert [event.action for event in _eventually(bank, 2)] == ["answer.rejected"] * 2


class _Apology(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")


def test_an_embedding_service_that_speaks_no_json_is_503(
    platform: Served, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HTTPServer(("127.0.0.1", 0), _Apology) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        configure(monkeypatch, embedding_url=f"http://127.0.0.1:{server.server_port}/v1")
        answer = raw(platform, bank, "embeddings", {"model": "use", "input": "x"})
        server.shutdown()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")

"""A stand-in answers while the model that was asked is full or away: where the limits allow it, and the answer says so."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_admission import SLOW, limit_tenant, post, streaming
from tests.controlplane.api.openai.test_openai_answers import ask, messages_of
from tests.controlplane.api.openai.test_openai_ledger import entries
from tests.controlplane.knowledge import make_assistant
from tests.fakes.engine import Answer, FakeEngine

PROOF = [{"role": "user", "content": "请证明根号2是无理数"}]


@pytest.fixture
def distilled() -> Iterator[FakeEngine]:
    with FakeEngine() as engine:
        engine.answers = Answer(text="短答。")
        yield engine


@pytest.fixture
def pair(
    platform: Served, engine: FakeEngine, distilled: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Served:
    """R1, which answers one at a time, and its stand-in."""
    configure(monkeypatch, engines=_engines(engine, distilled))
    return platform


def _engines(engine: FakeEngine, distilled: FakeEngine, **of_distilled: Any) -> str:
    r1 = {
        "name": f"r1-{engine.port}",
        "url": engine.base_url,
        "capacity": 1,
        "routes": ["reasoner"],
        "overflow_to": f"small-{distilled.port}",
        "preopened_reasoning": False,
    }
    small = {
        "name": f"small-{distilled.port}",
        "url": distilled.base_url,
        "preopened_reasoning": False,
        **of_distilled,
    }
    return json.dumps([r1, small])


def test_a_full_model_is_stood_in_for_and_the_answer_says_so(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = SLOW
    with streaming(pair, bank, model="reasoner") as first:
        next(first)
        answer = post(pair, bank, model="reasoner")
        with streaming(pair, bank, model="reasoner") as third:
            chunks = [json.loads(line[6:]) for line in third if line.startswith("data: {")]
        list(first)
    told = {"deployment": f"small-{distilled.port}", "overflow_from": "reasoner"}
    assert answer.json()["karez"] == told
    assert answer.json()["model"] == "reasoner"
    assert answer.headers["x-karez-overflow-from"] == "reasoner"
    assert [chunk["karez"] for chunk in chunks if "karez" in chunk] == [told]
    assert (len(engine.requests), len(distilled.requests)) == (1, 2)
    rows = [(entry.deployment, entry.route, entry.route_reason) for entry in entries(bank, 3)]
    assert sorted(rows) == [(f"r1-{engine.port}", "", "")] + 2 * [
        (f"small-{distilled.port}", "reasoner", "overflow")
    ]


def test_a_long_name_that_was_asked_for_fits_into_the_ledger(
    platform: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"deepseek-ai/DeepSeek-R1-Distill-Llama-70B-{engine.port}"
    rows = json.loads(_engines(engine, distilled))
    configure(monkeypatch, engines=json.dumps([rows[0] | {"name": name}, rows[1]]))
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = Answer(status=500)
    assert post(platform, bank, model=name).json()["karez"]["overflow_from"] == name
    [entry] = entries(bank, 1)
    assert (entry.route, entry.route_reason) == (name, "overflow")


def test_without_leave_one_waits(pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine) -> None:
    engine.answers = SLOW
    with streaming(pair, bank, model="reasoner") as first:
        next(first)
        with streaming(pair, bank, model="reasoner") as second:
            assert next(second) == ": queue position 1"
            list(first)
            list(second)
    assert (len(engine.requests), len(distilled.requests)) == (2, 0)


def test_who_can_wait_waits(pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine) -> None:
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = SLOW
    with streaming(pair, bank, model="reasoner") as first:
        next(first)
        with streaming(pair, bank, model="reasoner", service_tier="batch") as second:
            assert next(second) == ": queue position 1"
            list(first)
            list(second)
    assert not distilled.requests


def test_where_the_stand_in_is_full_too_one_waits_for_who_was_asked(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, engines=_engines(engine, distilled, capacity=1))
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = distilled.answers = SLOW
    with streaming(pair, bank, model="reasoner") as first, streaming(pair, bank, model="reasoner") as second:
        next(first), next(second)
        with streaming(pair, bank, model="reasoner") as third:
            assert next(third) == ": queue position 1"
            list(first), list(second), list(third)
    assert (len(engine.requests), len(distilled.requests)) == (2, 1)


def test_a_model_that_is_away_is_stood_in_for(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = Answer(status=500)
    for _ in range(5):
        answer = post(pair, bank, model="reasoner")
        assert answer.status_code == 200, answer.text
        assert answer.json()["karez"]["overflow_from"] == "reasoner"
    assert len(distilled.requests) == 5
    assert len(engine.requests) < 5  # it is left alone for a while after it failed
    assert {entry.deployment for entry in entries(bank, 5)} == {f"small-{distilled.port}"}


def test_a_model_that_is_away_is_missed_without_leave(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    engine.answers = Answer(status=500)
    assert post(pair, bank, model="reasoner").status_code == 503
    assert not distilled.requests


def test_auto_tells_what_the_question_wanted_and_who_stood_in(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = Answer(status=500)
    answer = post(pair, bank, model="auto", messages=PROOF)
    assert answer.json()["karez"] == {
        "deployment": f"small-{distilled.port}",
        "route": "reasoner",
        "reason": "proof",
        "overflow_from": "reasoner",
    }


def test_what_does_not_fit_into_the_stand_in_waits(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, engines=_engines(engine, distilled, context_tokens=64))
    limit_tenant(bank, overflow_allowed=True)
    engine.answers = SLOW
    long = [{"role": "user", "content": "银行 " * 500}]
    with streaming(pair, bank, model="reasoner") as first:
        next(first)
        with streaming(pair, bank, model="reasoner", messages=long) as second:
            assert next(second) == ": queue position 1"
            list(first)
            list(second)
    assert not distilled.requests


def test_an_assistant_is_stood_in_for_and_says_so(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    limit_tenant(bank, overflow_allowed=True)
    distilled.answers = Answer(text="抵押率最高不超过70%[1]。")
    engine.answers = SLOW
    make_assistant(department=bank.organisation.finance, slug="loans", bases=[bank.base], route="reasoner")
    client = pair.client(bank.key.presented)
    with streaming(pair, bank, model="reasoner") as first:
        next(first)
        answer = ask(client, "住宅抵押率最高多少？", model="assistant:loans").model_dump()
        list(first)
    assert "70%" in answer["choices"][0]["message"]["content"]
    assert answer["karez"]["engine"] == f"small-{distilled.port}"
    assert answer["karez"]["overflow_from"] == "reasoner"
    kept = messages_of(bank)[-1]
    assert (kept.model, kept.overflow_from) == (f"small-{distilled.port}", "reasoner")
    [row] = [entry for entry in entries(bank, 2) if entry.model == "assistant:loans"]
    assert (row.deployment, row.route, row.route_reason) == (
        f"small-{distilled.port}",
        "reasoner",
        "overflow",
    )


def test_an_assistant_that_leaves_the_model_open_tells_why_which(
    pair: Served, bank: Bank, engine: FakeEngine, distilled: FakeEngine
) -> None:
    engine.answers = Answer(text="抵押率最高不超过70%[1]。")
    make_assistant(department=bank.organisation.finance, slug="open", bases=[bank.base], route="auto")
    client = pair.client(bank.key.presented)
    answer = ask(client, "请一步一步分析住宅抵押率最高多少？", model="assistant:open").model_dump()
    assert (answer["karez"]["route"], answer["karez"]["reason"]) == ("reasoner", "asked")
    [row] = entries(bank, 1)
    assert (row.route, row.route_reason) == ("reasoner", "asked")
    assert "karez" not in post(pair, bank, model=f"r1-{engine.port}").json()

"""`auto`: the question decides which model answers, and the client, the ledger and the trail are told why."""

import json

import httpx
import openai
import pytest

from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.api.openai.test_openai_answers import ask, events_of
from tests.controlplane.api.openai.test_openai_ledger import entries
from tests.controlplane.knowledge import make_assistant
from tests.fakes.engine import Answer, FakeEngine

PROOF, GREETING = "请证明根号2是无理数", "你好"


@pytest.fixture
def both(platform: Served, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Served:
    engines = [
        {"name": "deepseek-v3", "url": engine.base_url, "routes": ["chat", "auto"]},
        {"name": "deepseek-r1", "url": engine.base_url, "routes": ["reasoner"], "preopened_reasoning": False},
    ]
    configure(monkeypatch, engines=json.dumps(engines))
    return platform


@pytest.mark.parametrize(
    ("question", "deployment", "route", "reason"),
    [(PROOF, "deepseek-r1", "reasoner", "proof"), (GREETING, "deepseek-v3", "chat", "short")],
)
def test_the_question_decides(
    both: Served, bank: Bank, engine: FakeEngine, question: str, deployment: str, route: str, reason: str
) -> None:
    raw = both.client(bank.key.presented).chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": question}]
    )
    answer = raw.parse()
    assert answer.model == "auto"
    assert answer.model_dump()["karez"] == {"deployment": deployment, "route": route, "reason": reason}
    told = {name: raw.headers[f"x-karez-{name}"] for name in ("deployment", "route", "reason")}
    assert told == answer.model_dump()["karez"]
    assert engine.requests[-1].body["model"] == deployment
    [entry] = entries(bank, 1)
    assert (entry.model, entry.deployment, entry.route, entry.route_reason) == (
        "auto",
        deployment,
        route,
        reason,
    )
    event = events_of(bank)[-1]
    assert (event.data["route"], event.data["route_reason"]) == (route, reason)


def test_a_stream_tells_it_with_its_end(both: Served, bank: Bank) -> None:
    chunks = list(ask(both.client(bank.key.presented), PROOF, model="auto", stream=True))
    told = [found for chunk in chunks if (found := chunk.model_dump().get("karez"))]
    assert told == [{"deployment": "deepseek-r1", "route": "reasoner", "reason": "proof"}]
    assert {chunk.model for chunk in chunks} == {"auto"}


def test_where_the_other_kind_is_missing_the_one_there_is_answers(
    both: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = [{"name": "deepseek-r1", "url": engine.base_url, "routes": ["reasoner"]}]
    configure(monkeypatch, engines=json.dumps(only))
    answer = ask(both.client(bank.key.presented), GREETING, model="auto")
    assert answer.model_dump()["karez"] == {
        "deployment": "deepseek-r1",
        "route": "reasoner",
        "reason": "only",
    }


def test_without_any_engine_it_is_an_unknown_model(
    both: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = [{"name": "bge-m3", "url": engine.base_url, "kind": "embedding"}]
    configure(monkeypatch, engines=json.dumps(only))
    with pytest.raises(openai.NotFoundError) as error:
        ask(both.client(bank.key.presented), GREETING, model="auto")
    assert error.value.code == "model_not_found"


def test_who_names_a_model_is_told_its_deployment_in_a_header_alone(both: Served, bank: Bank) -> None:
    raw = both.client(bank.key.presented).chat.completions.with_raw_response.create(
        model="chat", messages=[{"role": "user", "content": PROOF}]
    )
    assert raw.headers["x-karez-deployment"] == "deepseek-v3"
    assert "x-karez-route" not in raw.headers
    assert "karez" not in raw.parse().model_dump()


def test_a_name_of_any_characters_fits_into_a_header(
    both: Served, bank: Bank, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = [{"name": "深度求索\r\nx-evil: 1", "url": engine.base_url, "routes": ["chat"]}]
    configure(monkeypatch, engines=json.dumps(named))
    headers = {"Authorization": f"Bearer {bank.key.presented}"}
    body = {"model": "chat", "messages": [{"role": "user", "content": GREETING}]}
    found = httpx.post(f"{both.base_url}/v1/chat/completions", json=body, headers=headers, timeout=30)
    assert found.status_code == 200
    assert "x-evil" not in found.headers
    assert found.headers["x-karez-deployment"].isascii()


def test_an_assistant_that_leaves_it_open_asks_the_model_that_the_question_wants(
    both: Served, bank: Bank, engine: FakeEngine
) -> None:
    engine.answers = Answer(text="抵押率最高不超过70%[1]。")
    make_assistant(department=bank.organisation.finance, slug="open", bases=[bank.base], route="auto")
    client = both.client(bank.key.presented)
    asked = []
    for question in ("住宅抵押率最高多少？", "请一步一步分析住宅抵押率最高多少？"):
        answer = ask(client, question, model="assistant:open")
        asked.append(answer.model_dump()["karez"]["engine"])
    assert asked == ["deepseek-v3", "deepseek-r1"]

"""Engines that come, go and fail."""

import json
from contextlib import suppress

import pytest

from controlplane.core.problems import NotFound, Unavailable
from controlplane.serving.registry import Registry
from inference.client import EngineTimeouts
from inference.endpoints import parse_endpoints
from inference.errors import EngineUnavailable
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.fakes.engine import Answer, FakeEngine

NOWHERE = "http://127.0.0.1:9"


def registry_of(*rows: object) -> Registry:
    value = rows[0] if isinstance(rows[0], str) else json.dumps(rows)
    return Registry(endpoints=parse_endpoints(value=str(value)), timeouts=EngineTimeouts(connect=1))


async def test_a_bare_url_is_completed_by_asking_the_engine(engine: FakeEngine) -> None:
    registry = registry_of(engine.base_url)
    assert await registry.names() == ["fake-model", "chat", "auto"]
    [found] = await registry.find(name="chat")
    assert (found.name, found.base_url) == ("fake-model", engine.base_url)


async def test_an_unknown_name_tells_the_known_ones(engine: FakeEngine) -> None:
    with pytest.raises(NotFound) as error:
        await registry_of(engine.base_url).find(name="gpt-9")
    assert error.value.code == "model_not_found"
    assert "fake-model, chat, auto" in str(error.value.detail)


async def test_while_an_engine_is_silent_no_name_is_unknown() -> None:
    registry = registry_of(NOWHERE)
    with pytest.raises(Unavailable) as error:
        await registry.find(name="gpt-9")
    assert error.value.code == "engine_unavailable"
    assert await registry.is_silent()
    assert not await registry.reachable()


async def test_replicas_take_turns_and_a_failed_one_comes_last() -> None:
    registry = registry_of({"name": "m", "url": "http://a"}, {"name": "m", "url": "http://b"})
    firsts = {(await registry.find(name="m"))[0].base_url for _ in range(4)}
    assert firsts == {"http://a/v1", "http://b/v1"}
    failed = (await registry.find(name="m"))[0]
    with suppress(EngineUnavailable), registry.under_way(endpoint=failed):
        raise EngineUnavailable("refused")
    assert [(await registry.find(name="m"))[-1] for _ in range(4)] == [failed] * 4


async def test_an_assistant_gets_any_chat_model_when_nothing_serves_its_route() -> None:
    reasoner = {"name": "deepseek-r1", "url": "http://a", "routes": ["reasoner"]}
    embedder = {"name": "bge-m3", "url": "http://b", "kind": "embedding"}
    registry = registry_of(embedder, reasoner)
    assert [e.name for e in await registry.find_for_route(route="chat")] == ["deepseek-r1"]
    assert await Registry(endpoints=(), timeouts=EngineTimeouts()).find_for_route(route="chat") == []


async def test_states_come_from_a_real_request_and_are_remembered(engine: FakeEngine) -> None:
    registry = registry_of(
        {"name": "up", "url": engine.base_url},
        {"name": "down", "url": NOWHERE},
        {"name": "refuses", "url": engine.base_url},
    )
    engine.answers = lambda body: Answer(status=400) if body["model"] == "refuses" else Answer()
    states = {d.endpoint.name: d.state for d in await registry.deployments()}
    assert states == {"up": "ready", "down": "down", "refuses": "unknown"}
    asked = len(engine.requests)
    await registry.deployments()
    assert len(engine.requests) == asked


def test_the_models_over_rest(platform: Served, bank: Bank, engine: FakeEngine) -> None:
    [row] = bank.key.client.get("/api/v1/models").json()["results"]
    assert row.pop("since") is not None
    assert row == {
        "name": "fake-model",
        "kind": "chat",
        "routes": ["chat", "auto"],
        "profile": "standard",
        "context_tokens": None,
        "state": "ready",
    }


def test_without_engines_the_list_is_empty(
    committed: None, served: Served, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, engines="")
    assert bank.key.client.get("/api/v1/models").json() == {"results": []}


async def test_what_was_last_seen_is_told_without_asking(engine: FakeEngine) -> None:
    registry = registry_of({"name": "r1", "base_url": engine.base_url, "model": "fake-model"})
    [seen] = registry.last_seen()
    assert (seen.name, seen.kind, seen.state, seen.age) == ("r1", "chat", "unknown", None)
    await registry.deployments()
    asked = len(engine.requests)
    [seen] = registry.last_seen()
    assert (seen.state, len(engine.requests)) == ("ready", asked)
    assert seen.age is not None
    assert 0 <= seen.age < 30
    [unheard] = registry_of(NOWHERE).last_seen()
    assert (unheard.name, unheard.state, unheard.age) == ("127.0.0.1:9", "unknown", None)

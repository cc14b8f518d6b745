"""What a real small request tells of a replica."""

import math

import httpx
import pytest

from inference.endpoints import EngineEndpoint, EngineKind
from inference.fleet.probe import Probe, probe
from tests.fakes.engine import Answer, FakeEngine


async def probed(base_url: str, *, kind: EngineKind = "chat", timeout_seconds: float = 5.0) -> Probe:
    endpoint = EngineEndpoint(name="m", base_url=base_url, model="fake-model", kind=kind)
    async with httpx.AsyncClient(trust_env=False) as http:
        return await probe(endpoint=endpoint, http=http, timeout_seconds=timeout_seconds)


@pytest.mark.parametrize(
    ("kind", "path", "asked"),
    [
        ("chat", "/v1/chat/completions", {"max_tokens": 1}),
        ("embedding", "/v1/embeddings", {"input": ["1"]}),
        ("rerank", "/v1/rerank", {"documents": ["1"]}),
    ],
)
async def test_each_kind_is_asked_for_the_least_there_is(
    kind: EngineKind, path: str, asked: dict[str, object]
) -> None:
    with FakeEngine() as engine:
        found = await probed(engine.base_url, kind=kind)
        [request] = engine.requests
    assert found.outcome == "answered"
    assert 0 < found.seconds < 5
    assert request.path == path
    assert asked.items() <= request.body.items()


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (Answer(status=500, error="EngineCore encountered an issue"), "missed", "unreachable"),
        (Answer(status=503, error="engine is currently busy"), "busy", "busy"),
        (Answer(status=429), "busy", "busy"),
        (Answer(status=401), "missed", "key_refused"),
        (Answer(status=404, error="The model `x` does not exist."), "missed", "model_not_served"),
        (Answer(status=400, error="max_tokens must be 2"), "answered", "probe_refused"),
        (Answer(delay=math.inf), "late", "no_answer_in_time"),
    ],
)
async def test_refusals_are_told_apart(answer: Answer, outcome: str, code: str) -> None:
    with FakeEngine(answers=answer) as engine:
        found = await probed(engine.base_url, timeout_seconds=0.5)
    assert (found.outcome, found.reason.code) == (outcome, code)


async def test_a_dead_server_is_missed_with_its_error() -> None:
    found = await probed("http://127.0.0.1:9/v1")
    assert (found.outcome, found.reason.code) == ("missed", "unreachable")
    assert "127.0.0.1:9" in found.reason.words

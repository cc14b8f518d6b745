"""The setting that names the engines."""

from __future__ import annotations

import json

import pytest

from inference.endpoints import EngineEndpoint, discover, guess_kind, parse_endpoints, resolve
from inference.errors import EngineRejected, EngineTimeout, EngineUnavailable
from tests.fakes.engine import FakeEngine


def test_bare_urls() -> None:
    found = parse_endpoints(value=" http://vllm:8000/v1/ , https://b.example:8443", default_api_key="k")
    assert found == (
        EngineEndpoint(name="", base_url="http://vllm:8000/v1", model="", api_key="k"),
        EngineEndpoint(name="", base_url="https://b.example:8443/v1", model="", api_key="k"),
    )


def test_empty_means_none() -> None:
    assert parse_endpoints(value="  ") == ()


def test_objects() -> None:
    rows = [
        {
            "name": "deepseek-r1",
            "url": "http://vllm:8000/v1",
            "model": "deepseek-ai/DeepSeek-R1",
            "api_key": "own",
            "routes": ["reasoner"],
            "context_tokens": 65536,
            "capacity": 256,
            "preopened_reasoning": False,
        },
        {"name": "bge-m3", "base_url": "http://tei:80/v1"},
    ]
    r1, bge = parse_endpoints(value=json.dumps(rows), default_api_key="default")
    assert r1 == EngineEndpoint(
        name="deepseek-r1",
        base_url="http://vllm:8000/v1",
        model="deepseek-ai/DeepSeek-R1",
        api_key="own",
        routes=("reasoner",),
        context_tokens=65536,
        capacity=256,
        preopened_reasoning=False,
    )
    assert (bge.model, bge.kind, bge.api_key, bge.profile) == ("bge-m3", "embedding", "default", "standard")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("ftp://x/v1", "KAREZ_ENGINES[0]"),
        ("http://a/v1,nonsense", "KAREZ_ENGINES[1]"),
        ("http://user:secret@a/v1", "credentials"),
        ("http://a:99999/v1", "KAREZ_ENGINES[0]"),
        ("[{", "not valid JSON"),
        ("[1]", "KAREZ_ENGINES[0] must be an object"),
        ('[{"name": "x"}]', "KAREZ_ENGINES[0].base_url is missing"),
        ('[{"base_url": "http://a", "modle": "x"}]', "KAREZ_ENGINES[0].modle"),
        ('[{"base_url": "http://a", "model": 3}]', "KAREZ_ENGINES[0].model"),
        ('[{"base_url": "http://a", "kind": "speech"}]', "KAREZ_ENGINES[0].kind"),
        ('[{"base_url": "http://a", "profile": "big"}]', "KAREZ_ENGINES[0].profile"),
        ('[{"base_url": "http://a", "routes": "chat"}]', "KAREZ_ENGINES[0].routes"),
        ('[{"base_url": "http://a", "capacity": 0}]', "KAREZ_ENGINES[0].capacity"),
        ('[{"base_url": "http://a", "context_tokens": true}]', "KAREZ_ENGINES[0].context_tokens"),
        ('[{"base_url": "http://a", "preopened_reasoning": "no"}]', "KAREZ_ENGINES[0].preopened_reasoning"),
    ],
)
def test_a_mistake_is_named(value: str, named: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_endpoints(value=value)
    assert named in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_key_is_not_shown() -> None:
    assert "k-secret" not in repr(parse_endpoints(value="http://a", default_api_key="k-secret"))


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("BAAI/bge-m3", "embedding"),
        ("BAAI/bge-reranker-v2-m3", "rerank"),
        ("Qwen/Qwen3-Embedding-0.6B", "embedding"),
        ("deepseek-ai/DeepSeek-V3", "chat"),
    ],
)
def test_kind_by_name(model: str, kind: str) -> None:
    assert guess_kind(model=model) == kind


async def test_a_bare_url_becomes_the_models_it_serves() -> None:
    with FakeEngine(models=("deepseek-r1", "DeepSeek-V3", "bge-m3"), api_key="k") as engine:
        found = await resolve(endpoints=parse_endpoints(value=engine.base_url, default_api_key="k"))
    assert [(e.name, e.model, e.kind, e.routes) for e in found] == [
        ("deepseek-r1", "deepseek-r1", "chat", ("reasoner",)),
        ("DeepSeek-V3", "DeepSeek-V3", "chat", ("chat", "auto")),
        ("bge-m3", "bge-m3", "embedding", ()),
    ]


@pytest.mark.parametrize(("configured", "known"), [(None, 65536), (4096, 4096)])
async def test_what_the_server_tells_of_a_models_window_is_taken_unless_the_setting_says_it(
    configured: int | None, known: int
) -> None:
    with FakeEngine(models=("deepseek-r1",), max_model_len=65536) as engine:
        row = {"url": engine.base_url} | ({"context_tokens": configured} if configured else {})
        (found,) = await resolve(endpoints=parse_endpoints(value=json.dumps([row])))
    assert found.context_tokens == known


async def test_a_kind_that_the_setting_names_is_kept() -> None:
    with FakeEngine(models=("our-own-model",)) as engine:
        row = {"url": engine.base_url, "kind": "rerank"}
        (found,) = await resolve(endpoints=parse_endpoints(value=json.dumps([row])))
    assert (found.kind, found.routes) == ("rerank", ())


async def test_discovery_failures() -> None:
    with FakeEngine(api_key="k") as engine:
        (endpoint,) = parse_endpoints(value=engine.base_url, default_api_key="wrong")
        with pytest.raises(EngineRejected) as rejected:
            await discover(endpoint=endpoint)
        assert rejected.value.status == 401
    with pytest.raises(EngineUnavailable) as refused:
        await discover(endpoint=endpoint)
    assert not isinstance(refused.value, EngineTimeout)

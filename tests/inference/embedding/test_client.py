"""The embedding client against a scripted server."""

from __future__ import annotations

import numpy as np
import pytest

from inference.embedding import EmbeddingClient, EmbeddingLimits, EmbeddingModel, known_model
from inference.errors import EngineBusy, EngineRejected, EngineUnavailable, UnknownModel
from tests.fakes.engine import FakeEngine, hashed_embedding

MODEL = EmbeddingModel(name="fake-model", dimension=64, query_prefix="query: ", passage_prefix="passage: ")
FAST = EmbeddingLimits(batch_texts=3, batch_characters=1000, attempts=3, backoff_seconds=0.01)


def client_of(engine: FakeEngine, model: EmbeddingModel = MODEL) -> EmbeddingClient:
    return EmbeddingClient(base_url=engine.base_url, model=model, api_key=engine.api_key, limits=FAST)


async def test_both_faces_give_the_same_unit_vectors_in_order() -> None:
    texts = [f"第{i}条" * (i + 1) for i in range(8)]
    with FakeEngine(api_key="k") as engine:
        client = client_of(engine)
        found = client.embed(texts=texts, purpose="passage")
        awaited = await client.aembed(texts=texts, purpose="passage")
        bodies = [request.body for request in engine.requests]
        client.close()
        await client.aclose()
    expected = np.array([hashed_embedding(f"passage: {text}") for text in texts], dtype=np.float32)
    assert found.shape == (8, 64)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_array_equal(found, awaited)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-6)
    assert [len(body["input"]) for body in bodies] == [3, 3, 2, 3, 3, 2]
    assert bodies[0]["encoding_format"] == "base64"


def test_long_texts_travel_in_smaller_batches() -> None:
    with FakeEngine() as engine:
        client_of(engine).embed(texts=["长" * 900, "短", "长" * 400, "尾"], purpose="passage")
        assert [len(request.body["input"]) for request in engine.requests] == [2, 2]


def test_the_purpose_travels_as_prefix_or_as_suffix() -> None:
    suffixed = EmbeddingModel(name="fake-model", dimension=64, purpose="suffix")
    with FakeEngine() as engine:
        client_of(engine).embed(texts=["水"], purpose="query")
        client_of(engine, suffixed).embed(texts=["水"], purpose="query")
        sent = [(request.body["model"], request.body["input"]) for request in engine.requests]
    assert sent == [("fake-model", ["query: 水"]), ("fake-model-query", ["水"])]


def test_nothing_in_nothing_out() -> None:
    with FakeEngine() as engine:
        assert client_of(engine).embed(texts=[], purpose="passage").shape == (0, 64)
        assert engine.requests == []


async def test_a_busy_server_is_asked_again() -> None:
    with FakeEngine() as engine:
        engine.embedding_failures = [(503, {"Retry-After": "0"}), (500, {})]
        assert client_of(engine).embed(texts=["水"], purpose="query").shape == (1, 64)
        engine.embedding_failures = [(429, {"Retry-After": "0"})]
        assert (await client_of(engine).aembed(texts=["水"], purpose="query")).shape == (1, 64)
        assert len(engine.requests) == 5


async def test_the_last_failure_is_raised() -> None:
    with FakeEngine() as engine:
        engine.embedding_failures = [(503, {})] * 3
        with pytest.raises(EngineBusy):
            client_of(engine).embed(texts=["水"], purpose="query")
        assert len(engine.requests) == 3
    with pytest.raises(EngineUnavailable):
        await client_of(engine).aembed(texts=["水"], purpose="query")


def test_a_rejection_is_not_repeated() -> None:
    with FakeEngine() as engine:
        engine.embedding_failures = [(400, {})]
        with pytest.raises(EngineRejected):
            client_of(engine).embed(texts=["水"], purpose="query")
        assert len(engine.requests) == 1


def test_vectors_of_another_dimension_never_pass() -> None:
    with FakeEngine(embedding_dimension=32) as engine, pytest.raises(EngineRejected, match="dimension 32"):
        client_of(engine).embed(texts=["水"], purpose="query")


def test_a_server_of_another_model_is_noticed() -> None:
    with FakeEngine(models=("other",)) as engine, pytest.raises(UnknownModel) as caught:
        client_of(engine).describe()
    assert caught.value.known == ("other",)


def test_records() -> None:
    found = known_model(name="BAAI/bge-m3", version="2024-01")
    assert (found.name, found.version, found.dimension, found.query_prefix) == (
        "BAAI/bge-m3",
        "2024-01",
        1024,
        "",
    )
    assert known_model(name="multilingual-e5-large").prepared(text="水", purpose="query") == "query: 水"
    with pytest.raises(KeyError, match="bge-m3"):
        known_model(name="unheard-of")

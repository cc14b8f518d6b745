"""The watch at work: real engines that fail and come back, the database between, and processes that hear of it."""

import asyncio
import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from controlplane.core.offload import in_thread
from controlplane.serving import services
from controlplane.serving.models import WantedState
from inference.endpoints import EngineEndpoint
from tests.controlplane.serving.fleets import (
    QUICK,
    forget_everything,
    listening,
    register,
    rows,
    until,
    watching,
)
from tests.fakes.engine import Answer, FakeEngine

DEAD = Answer(status=500, error="EngineCore encountered an issue")


@pytest.fixture(autouse=True)
def registry_of_its_own(committed: None) -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()


def given(engine: FakeEngine, name: str = "fake-model") -> EngineEndpoint:
    return EngineEndpoint(name=name, base_url=engine.base_url, model="fake-model")


def metrics(*, running: int = 0, waiting: int = 0, kv: float = 0.0, tokens: int = 0) -> str:
    labels = '{engine="0",model_name="fake-model"}'
    return (
        f"vllm:num_requests_running{labels} {running}\nvllm:num_requests_waiting{labels} {waiting}\n"
        f"vllm:kv_cache_usage_perc{labels} {kv}\nvllm:generation_tokens_total{labels} {tokens}\n"
        f"vllm:prefix_cache_queries_total{labels} 8\nvllm:prefix_cache_hits_total{labels} 6\n"
    )


def state_of(engine: FakeEngine) -> str:
    row = rows().get(engine.base_url)
    return row.state if row else ""


async def test_a_replica_fails_with_its_reason_and_comes_back(engine: FakeEngine) -> None:
    async with watching(given(engine)):
        await until(lambda: state_of(engine) == "ready")
        engine.answers = DEAD
        await until(lambda: state_of(engine) == "failed")
        row = (await in_thread(rows))[engine.base_url]
        assert row.reason_code == "unreachable"
        assert "EngineCore encountered an issue" in row.reason_words
        engine.answers = Answer()
        await until(lambda: state_of(engine) == "ready")
    row = (await in_thread(rows))[engine.base_url]
    assert row.reason_code == ""
    assert row.latency_ms is not None
    assert all(request.body["max_tokens"] == 1 for request in engine.requests)


async def test_loads_are_read_and_told_without_a_query(engine: FakeEngine) -> None:
    engine.metrics = metrics(running=3, kv=0.5)
    async with watching(given(engine)), listening(given(engine)) as (gateway, _fleet):
        await until(
            lambda: [(r.running, r.state) for r in gateway.replicas(name="fake-model")] == [(3, "ready")]
        )
        [replica] = gateway.replicas(name="fake-model")
        assert (replica.waiting, replica.kv_usage) == (0, 0.5)
        assert replica.prefix_hit_rate == 0.75
        engine.metrics = metrics(running=8, waiting=2, kv=0.97)
        await until(lambda: gateway.replicas(name="fake-model")[0].state == "saturated")
        assert gateway.replicas(name="fake-model")[0].reason.code == "requests_waiting"
        engine.metrics = metrics(running=1)
        await until(lambda: gateway.replicas(name="fake-model")[0].state == "ready")


async def test_an_engine_that_is_full_and_works_is_not_dead(engine: FakeEngine) -> None:
    """A probe that waits too long behind other requests, while tokens go on being written."""
    engine.metrics = metrics(running=1, tokens=1)
    pace = replace(QUICK, limit=0.4)
    async with watching(given(engine), pace=pace):
        await until(lambda: state_of(engine) == "ready")
        engine.answers = Answer(delay=math.inf)
        deadline = asyncio.get_running_loop().time() + 4
        tokens, reasons = 1, set()
        while asyncio.get_running_loop().time() < deadline:
            tokens += 10
            engine.metrics = metrics(running=8, tokens=tokens)
            row = (await in_thread(rows))[engine.base_url]
            assert row.state in ("ready", "saturated")
            reasons.add(row.reason_code)
            await asyncio.sleep(0.1)
        assert "slow" in reasons
        # The same silence, and nothing is written any more: its node has died.
        await until(lambda: state_of(engine) == "failed")


async def test_a_dead_engine_is_noticed_by_its_metrics_before_the_next_probe(engine: FakeEngine) -> None:
    engine.metrics = metrics()
    async with watching(given(engine), pace=replace(QUICK, probe=60.0)):
        await until(lambda: rows()[engine.base_url].running == 0 if state_of(engine) == "ready" else False)
        await in_thread(engine.stop)
        await until(lambda: state_of(engine) == "failed")


async def test_what_is_registered_is_heard_of_within_a_second(engine: FakeEngine) -> None:
    async with watching(), listening() as (gateway, _fleet):
        await asyncio.sleep(0.3)
        [replica] = await in_thread(register, engine.base_url, name="m-new", model="fake-model")
        async with asyncio.timeout(1):
            while not gateway.known(name="m-new"):
                await asyncio.sleep(0.02)
        await until(lambda: [r.state for r in gateway.replicas(name="m-new")] == ["ready"])
        await in_thread(
            services.replica_want, actor="system", replica_id=replica.pk, wanted=WantedState.DRAINING
        )
        async with asyncio.timeout(1):
            while gateway.known(name="m-new"):
                await asyncio.sleep(0.02)
        await until(lambda: state_of(engine) == "draining")
        await in_thread(services.replica_remove, actor="system", replica_id=replica.pk)
        await until(lambda: engine.base_url not in rows())
        assert gateway.replicas(name="m-new") == ()


async def test_one_that_is_off_is_not_asked(engine: FakeEngine) -> None:
    [replica] = await in_thread(register, engine.base_url, model="fake-model")
    await in_thread(services.replica_want, actor="system", replica_id=replica.pk, wanted=WantedState.OFF)
    async with watching():
        await until(lambda: state_of(engine) == "draining")
        await asyncio.sleep(1)
    assert (engine.requests, engine.scrapes) == ([], [])
    assert (await in_thread(rows))[engine.base_url].reason_code == "switched_off"


async def test_one_process_watches_and_the_next_takes_over_where_it_left_off(engine: FakeEngine) -> None:
    async with watching(given(engine)):
        await until(lambda: state_of(engine) == "ready")
        before = (await in_thread(rows))[engine.base_url]
        async with watching(given(engine), pace=replace(QUICK, probe=0.05, recheck=0.05)):
            asked = len(engine.requests)
            await asyncio.sleep(1.2)
            # About four of the first one's, and none of twenty of the second's.
            assert len(engine.requests) - asked < 10
    async with watching(given(engine)):
        await until(lambda: rows()[engine.base_url].probed_at > before.probed_at)
    after = (await in_thread(rows))[engine.base_url]
    assert (after.state, after.since) == ("ready", before.since)


async def test_a_bare_url_is_watched_by_the_models_it_serves(engine: FakeEngine) -> None:
    bare = EngineEndpoint(name="", base_url=engine.base_url, model="")
    async with watching(bare):
        await until(lambda: state_of(engine) == "ready")
    assert (await in_thread(rows))[engine.base_url].model == "fake-model"

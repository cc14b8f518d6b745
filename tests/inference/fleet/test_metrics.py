"""vLLM's metrics as they come, and servers that have none."""

import httpx
import pytest

from inference.endpoints import EngineEndpoint
from inference.errors import EngineUnavailable
from inference.fleet.loads import Loads
from inference.fleet.metrics import NO_LOADS, loads_of, metrics_url, read_loads, scrape
from tests.fakes.engine import FakeEngine

# As vLLM 0.32 writes them, with two engines of one server (data parallel).
PAGE = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="deepseek-r1"} 3.0
vllm:num_requests_running{engine="1",model_name="deepseek-r1"} 2.0
vllm:num_requests_waiting{engine="0",model_name="deepseek-r1"} 7.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="deepseek-r1",reason="capacity"} 7.0
vllm:kv_cache_usage_perc{engine="0",model_name="deepseek-r1"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="deepseek-r1"} 0.75
vllm:prefix_cache_queries_total{engine="0",model_name="deepseek-r1"} 400.0
vllm:prefix_cache_queries_created{engine="0",model_name="deepseek-r1"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="deepseek-r1"} 1e+02
vllm:prompt_tokens_total{engine="0",model_name="deepseek-r1"} 500.0
vllm:generation_tokens_total{engine="0",model_name="deepseek-r1"} 60.0
vllm:e2e_request_latency_seconds_bucket{engine="0",le="0.3",model_name="deepseek-r1"} 0.0
process_virtual_memory_bytes 9.7e+09
"""


def endpoint(base_url: str, **fields: str) -> EngineEndpoint:
    return EngineEndpoint(name="r1", base_url=base_url, model="deepseek-r1", **fields)


def test_the_engines_of_a_server_are_added_up_and_the_fullest_cache_counts() -> None:
    loads = read_loads(text=PAGE)
    assert loads == {
        "deepseek-r1": Loads(
            running=5, waiting=7, kv_usage=0.75, prefix_queries=400, prefix_hits=100, tokens=560
        )
    }
    assert loads["deepseek-r1"].prefix_hit_rate == 0.25
    assert Loads().prefix_hit_rate is None


def test_older_names_are_read_too() -> None:
    old = read_loads(
        text='vllm:gpu_cache_usage_perc{model_name="m"} 0.5\n'
        'vllm:gpu_prefix_cache_queries_total{model_name="m"} 4\n'
        'vllm:gpu_prefix_cache_hits_total{model_name="m"} 1'
    )
    assert old == {"m": Loads(kv_usage=0.5, prefix_queries=4, prefix_hits=1)}


@pytest.mark.parametrize(
    "line",
    [
        "vllm:num_requests_running",
        'vllm:num_requests_running{model_name="m"} many',
        'vllm:num_requests_running{model_name="m"} NaN',
        'vllm:num_requests_running{model_name="m"} +Inf',
        'vllm:num_requests_running{model_name="m"} -1',
        "llamacpp:requests_processing 3",
        "<html>",
        "",
    ],
)
def test_what_is_malformed_or_of_others_is_passed_over(line: str) -> None:
    assert read_loads(text=line) == {}


def test_labels_are_read_as_they_are_quoted() -> None:
    text = 'vllm:num_requests_running{engine="0",model_name="a\\"b,model_name=\\\\{c}"} 4.0'
    assert read_loads(text=text) == {'a"b,model_name=\\{c}': Loads(running=4)}


def test_a_model_goes_by_another_of_its_names_where_it_is_the_only_one() -> None:
    one = {"base": Loads(running=1)}
    assert loads_of(scraped=one, model="alias") == Loads(running=1)
    two = {**one, "other": Loads(running=2)}
    assert loads_of(scraped=two, model="other") == Loads(running=2)
    assert loads_of(scraped=two, model="alias") is None
    assert loads_of(scraped={}, model="alias") is None


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("http://r1:8000/v1", "http://r1:8000/metrics"),
        ("http://proxy/r1/v1/", "http://proxy/r1/metrics"),
        ("http://proxy/openai", "http://proxy/openai/metrics"),
    ],
)
def test_metrics_lie_beside_the_openai_paths(base_url: str, expected: str) -> None:
    assert metrics_url(base_url=base_url) == expected


async def test_metrics_are_fetched_with_the_engines_key() -> None:
    with FakeEngine(metrics=PAGE, api_key="secret") as engine:
        async with httpx.AsyncClient(trust_env=False) as http:
            scraped = await scrape(
                endpoint=endpoint(engine.base_url, api_key="secret"), http=http, timeout_seconds=5
            )
            assert scraped["deepseek-r1"].waiting == 7
            assert engine.scrapes == ["Bearer secret"]


async def test_an_engine_without_metrics_is_no_failure() -> None:
    with FakeEngine() as engine:
        async with httpx.AsyncClient(trust_env=False) as http:
            assert await scrape(endpoint=endpoint(engine.base_url), http=http, timeout_seconds=5) is NO_LOADS


async def test_one_that_is_not_there_is() -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(EngineUnavailable):
            await scrape(endpoint=endpoint("http://127.0.0.1:9/v1"), http=http, timeout_seconds=5)

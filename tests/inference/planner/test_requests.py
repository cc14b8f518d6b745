"""What is wrong with a question, by field."""

from __future__ import annotations

from typing import Any

import pytest

from inference.planner import LIMITS, PlanInputError
from tests.inference.planner.asking import planned

R1_H200 = ("deepseek-r1", "h200", 8)


@pytest.mark.parametrize(
    ("given", "more", "field", "code"),
    [
        (("gpt-4", "h200", 8), {}, "model", "unknown_model"),
        (("bge-m3", "h200", 8), {}, "model", "model_not_planned"),
        (("qwen2.5-coder-0.5b", "h200", 8), {}, "model", "model_not_planned"),
        (("deepseek-r1", "v100", 8), {}, "accelerator", "unknown_accelerator"),
        (("deepseek-r1", "h200", 0), {}, "cards_per_node", "out_of_range"),
        (("deepseek-r1", "h200", 8, 65), {}, "nodes", "out_of_range"),
        (R1_H200, {"precision": "gguf"}, "precision", "precision_not_there"),
        (R1_H200, {"precision": "nvfp4"}, "precision", "precision_not_supported"),
        (("deepseek-r1", "a100-80", 8), {"precision": "fp8"}, "precision", "precision_not_supported"),
        (("deepseek-r1", "a100-80", 8), {"kv_cache": "fp8"}, "kv_cache", "kv_cache_not_supported"),
        (R1_H200, {"precision": "int4", "speculation": True}, "speculation", "speculation_not_there"),
        (R1_H200, {"context_tokens": 255}, "context_tokens", "out_of_range"),
        (R1_H200, {"context_tokens": 200_000}, "context_tokens", "context_too_long"),
        (R1_H200, {"prompt_tokens": 32_000}, "prompt_tokens", "request_too_long"),
        (R1_H200, {"concurrency": 0}, "concurrency", "out_of_range"),
        (R1_H200, {"requests_per_second": -1.0}, "requests_per_second", "out_of_range"),
        (R1_H200, {"utilization": 1.0}, "utilization", "out_of_range"),
    ],
)
def test_a_wrong_field_is_named(given: tuple[Any, ...], more: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(PlanInputError) as raised:
        planned(*given, **more)
    assert (raised.value.field, raised.value.code) == (field, code)


@pytest.mark.parametrize("field", ["model", "accelerator"])
def test_an_unknown_name_comes_with_the_known_ones(field: str) -> None:
    given = {"model": "deepseek-r1", "accelerator": "h200", field: "nothing"}
    with pytest.raises(PlanInputError) as raised:
        planned(given["model"], given["accelerator"], 8)
    assert ("deepseek-r1" if field == "model" else "h200") in str(raised.value.values["known"])


def test_limits_are_told() -> None:
    with pytest.raises(PlanInputError) as raised:
        planned("deepseek-r1", "h200", 100)
    assert dict(raised.value.values) == {"low": 1, "high": LIMITS["cards_per_node"][1]}

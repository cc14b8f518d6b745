"""What the planner computes against what others have measured."""

from __future__ import annotations

import pytest

from inference.accelerators import accelerator
from inference.catalogue import model
from inference.planner import BUSY, Layout
from inference.planner.memory import ModelSize, card_memory
from tests.inference.planner.asking import GIB, planned


def _size(model_id: str, precision: str) -> ModelSize:
    entry = model(model_id)
    (weights,) = (each for each in entry.weights if each.precision == precision)
    return ModelSize(entry=entry, weights=weights)


def _weights(model_id: str, precision: str, layout: Layout) -> list[float]:
    stages = _size(model_id, precision).stages(layout=layout, speculates=False)
    return [stage.total / GIB for stage in stages]


def test_weights_of_the_first_stage_of_v3() -> None:
    """deepseek-ai/DeepSeek-V3 issue 205, TP8 PP4 on RTX 4090: "Loading model weights took 16.9583 GB"."""
    assert _weights("deepseek-v3", "fp8", Layout(8, 4))[0] == pytest.approx(16.96, rel=0.02)


def test_weights_of_a_distill_over_two_cards() -> None:
    """vllm issue 13061: 13.9476 GiB on each of two RTX 4090, in BF16."""
    (weights,) = _weights("deepseek-r1-distill-qwen-14b", "bf16", Layout(2))
    assert weights == pytest.approx(13.95, rel=0.02)


def test_the_cache_is_no_larger_than_vllm_found_it() -> None:
    """vllm issue 13061: 8.69 GiB for the KV cache at 0.98; the planner also keeps 2.7 GiB for graphs and buffers."""
    memory = card_memory(
        size=_size("deepseek-r1-distill-qwen-14b", "bf16"),
        layout=Layout(2),
        accelerator=accelerator("rtx-4090"),
        utilization=0.98,
        batched_tokens=2048,
        sequences=16,
        speculates=False,
    )
    assert 8.69 - 2.7 < memory.kv / GIB < 8.69


def test_kv_bytes_of_a_token() -> None:
    r1 = _size("deepseek-r1", "fp8")
    whole = r1.kv_bytes_per_token(layout=Layout(8), element_bytes=2, speculates=False)
    assert whole == 61 * 576 * 2 == 70_272  # the latent is on every rank of TP
    assert r1.kv_bytes_per_token(layout=Layout(8, context=8), element_bytes=2, speculates=False) == whole / 8
    assert r1.kv_bytes_per_token(layout=Layout(8), element_bytes=1, speculates=False) == whole / 2
    assert r1.kv_bytes_per_token(layout=Layout(8, 2), element_bytes=2, speculates=False) == 31 * 576 * 2
    assert r1.kv_bytes_per_token(layout=Layout(8), element_bytes=2, speculates=True) == 62 * 576 * 2
    grouped = _size("deepseek-r1-distill-qwen-7b", "bf16")  # 28 layers, 4 key-value heads of 128
    for tensor, shares in ((1, 1), (2, 2), (4, 4), (7, 4)):
        found = grouped.kv_bytes_per_token(layout=Layout(tensor), element_bytes=2, speculates=False)
        assert found == 28 * 2 * 4 * 128 * 2 / shares


# InferenceX issue 870: DeepSeek-R1-0528 FP8, 8×H200, TP8, SGLang 0.5.7, 1,024 tokens in and out; output tokens a second.
@pytest.mark.parametrize(("requests", "measured"), [(8, 594), (16, 895), (32, 1209), (64, 1789)])
def test_nobody_decodes_faster_than_the_bound(requests: int, measured: float) -> None:
    answer = planned(
        "deepseek-r1-0528",
        "h200",
        8,
        precision="fp8",
        concurrency=requests,
        prompt_tokens=1024,
        answer_tokens=1024,
    )
    (tensor,) = (each for each in answer.candidates if each.layout.label == "TP8 EP8")
    share = measured / tensor.decode.total
    assert 0.3 < share < 0.5
    assert share > BUSY  # what is taken for busy has been reached


def test_nobody_decodes_four_bits_faster_than_the_bound() -> None:
    """tenstorrent/tt-inference-server issue 356: 62 tokens a second alone on eight H100, in AWQ."""
    chosen = planned("deepseek-r1", "h100-80", 8, precision="int4", context_tokens=8000).chosen
    assert chosen is not None
    assert chosen.decode.one_request > 62


def test_bounds_of_many_requests() -> None:
    few, many = (
        planned("deepseek-r1", "h200", 8, concurrency=count, objective="latency").candidates[0].decode
        for count in (1, 32)
    )
    assert few.total == few.per_request == few.one_request
    assert many.total > few.total
    assert many.per_request < few.per_request

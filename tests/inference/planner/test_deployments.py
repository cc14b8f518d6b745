"""What the planner says of deployments that somebody has published."""

from __future__ import annotations

from typing import Any

import pytest

from inference.planner import Candidate
from tests.inference.planner.asking import GIB, planned


def _chosen(*given: Any, **more: Any) -> Candidate:
    answer = planned(*given, **more)
    assert answer.fits, answer.notes
    assert answer.chosen is not None
    return answer.chosen


# Where each is from: vLLM's recipe DeepSeek-R1 (8×H200, 8×MI300X, 4×B200 in NVFP4), deepseek-ai/DeepSeek-R1 issue 276 (2×8×H800
# in FP8, 4×8×A800 in BF16, 8×H20), gpustack's tutorial of DeepSeek-R1 (4×8×A100 in BF16), vllm-ascend's tutorials of
# DeepSeek-R1 and V3.1 (two Atlas 800 A2 or one A3 in W8A8: DP4 TP4), AWQ on eight cards of 80 GB (DeepSeek-R1 issue 334).
DEPLOYMENTS = [
    ("deepseek-r1", "h200", 8, 1, {"precision": "fp8"}, "TP8 EP8"),
    ("deepseek-r1", "mi300x", 8, 1, {"precision": "fp8"}, "TP8 EP8"),
    ("deepseek-r1", "b200", 4, 1, {"precision": "nvfp4"}, "TP4 EP4"),
    ("deepseek-r1", "h800-80", 8, 2, {"precision": "fp8"}, "TP8 PP2"),
    ("deepseek-r1", "h20-96", 8, 1, {"precision": "fp8"}, "TP8 EP8 DCP8"),
    ("deepseek-r1", "a800-80", 8, 4, {"precision": "bf16"}, "TP8 PP4"),
    ("deepseek-r1", "a100-80", 8, 4, {"precision": "bf16"}, "TP8 PP4"),
    ("deepseek-r1", "a100-80", 8, 1, {"precision": "int4"}, "TP8"),
    ("deepseek-r1", "h800-80", 8, 1, {"precision": "int4"}, "TP8"),
    ("deepseek-r1", "ascend-910b-64", 8, 2, {"context_tokens": 16384}, "TP4 DP4 EP16"),
    ("deepseek-r1", "ascend-a3", 16, 1, {"context_tokens": 16384}, "TP4 DP4 EP16"),
    ("deepseek-r1-distill-qwen-7b", "rtx-4090", 1, 1, {"precision": "bf16"}, "TP1"),
]


@pytest.mark.parametrize(("model", "card", "cards", "nodes", "more", "layout"), DEPLOYMENTS)
def test_published_deployments_fit_as_they_were_published(
    model: str, card: str, cards: int, nodes: int, more: dict[str, Any], layout: str
) -> None:
    assert _chosen(model, card, cards, nodes, **more).layout.label == layout


def test_eight_h100_do_not_hold_fp8() -> None:
    """685 GB of weights on 640 GB (deepseek-v3-r1-deploy-and-benchmarks); two nodes do, and four bits on one."""
    answer = planned("deepseek-r1", "h100-80", 8, precision="fp8")
    assert not answer.fits
    assert answer.launch is None
    (note,) = answer.notes
    assert note.code == "weights_too_large"
    assert note.values["missing"] == pytest.approx(12.0, abs=0.1)
    (purchase,) = answer.purchases
    assert (purchase.nodes, purchase.cards_per_node, purchase.layout) == (2, 8, "TP8 PP2")
    first = answer.alternatives[0]
    assert (first.model, first.precision, first.layout) == ("deepseek-r1", "int4", "TP8")


def test_without_a_precision_the_first_that_fits_is_taken() -> None:
    answer = planned("deepseek-r1", "h100-80", 8)
    assert answer.fits
    assert answer.weights.precision == "int4"
    assert ("precision_smaller", {"value": "int4", "first": "fp8"}) in [
        (note.code, note.values) for note in answer.notes
    ]


def test_a_chat_of_many_is_served_side_by_side() -> None:
    """Recipe DeepSeek-R1: TP8 for latency, DP8 with experts spread for throughput."""
    chosen = _chosen("deepseek-r1", "h200", 8, concurrency=256)
    assert chosen.layout.label == "TP1 DP8 EP8"
    assert _chosen("deepseek-r1", "h200", 8, concurrency=16).layout.label == "TP8 EP8"


@pytest.mark.parametrize(
    ("given", "more", "weights", "tokens"),
    [
        # vLLM 0.9 and later on eight H200 say about 80 GiB and 665,000 tokens.
        (("deepseek-r1", "h200", 8), {"speculation": False}, 79.5, 669_984),
        (("deepseek-r1", "h800-80", 8, 2), {}, 41.0, 798_336),
        (("deepseek-r1", "a100-80", 8), {"precision": "int4"}, 41.7, 395_248),
        (("deepseek-r1", "a100-80", 8, 4), {"precision": "bf16"}, 43.4, 1_410_976),
        (("deepseek-r1-distill-qwen-7b", "rtx-4090", 1), {}, 14.2, 83_904),
    ],
)
def test_what_a_card_holds(given: tuple[Any, ...], more: dict[str, Any], weights: float, tokens: int) -> None:
    chosen = _chosen(*given, **more)
    assert chosen.memory.weights / GIB == pytest.approx(weights, abs=0.1)
    assert chosen.kv.tokens == tokens


def test_nobody_lays_out_three_cards() -> None:
    answer = planned("deepseek-r1-distill-qwen-7b", "rtx-4090", 3, precision="bf16")
    assert answer.chosen is not None
    assert answer.chosen.layout.label == "TP1 × 3"
    answer = planned("deepseek-r1", "ascend-910b-64", 3, precision="int8", context_tokens=16384)
    assert answer.chosen is not None
    assert not answer.fits
    assert answer.purchases[0].cards == 16


def test_a_load_that_is_too_much_asks_for_more_cards() -> None:
    answer = planned("deepseek-r1", "h200", 8, requests_per_second=10.0, concurrency=512)
    assert answer.fits
    assert not answer.carries
    assert "load_heavy" in [note.code for note in answer.notes]
    (purchase,) = answer.purchases  # none that only fits: these cards do that already
    assert purchase.carries
    assert purchase.nodes > 1


def test_requests_that_do_not_find_room_are_told() -> None:
    answer = planned("deepseek-r1-distill-qwen-7b", "rtx-4090", 1, concurrency=200)
    assert answer.fits
    assert "contexts_too_few" in [note.code for note in answer.notes]


def test_a_context_beyond_what_the_publisher_promises_is_told() -> None:
    answer = planned("deepseek-r1", "h200", 8, context_tokens=150_000)
    (note,) = [note for note in answer.notes if note.code == "context_beyond_published"]
    assert note.values["published"] == 131_072

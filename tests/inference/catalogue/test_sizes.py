"""Counts and bytes against numbers that others counted or published."""

from __future__ import annotations

import pytest

from inference.catalogue import (
    Architecture,
    LatentAttention,
    Precision,
    kv_bytes_per_token,
    model,
    weight_bytes,
)


def _architecture(model_id: str) -> Architecture:
    architecture = model(model_id).architecture
    assert architecture is not None
    return architecture


@pytest.mark.parametrize(
    ("model_id", "total", "kv_bytes"),
    [
        # Counted by building the model without weights (transformers, meta device).
        ("deepseek-v3", 671_026_404_352, 70_272),
        ("deepseek-r1", 671_026_404_352, 70_272),
        ("deepseek-r1-distill-qwen-1.5b", 1_777_088_000, 28_672),
        ("deepseek-r1-distill-qwen-7b", 7_615_616_512, 57_344),
        ("deepseek-r1-distill-llama-8b", 8_030_261_248, 131_072),
        ("deepseek-r1-distill-qwen-14b", 14_770_033_664, 196_608),
        ("deepseek-r1-distill-qwen-32b", 32_763_876_352, 262_144),
        ("deepseek-r1-distill-llama-70b", 70_553_706_496, 327_680),
    ],
)
def test_counted_parameters_and_cache(model_id: str, total: int, kv_bytes: int) -> None:
    entry = model(model_id)
    assert entry.counted is not None
    assert entry.counted.total == total
    assert entry.kv_bytes_per_token() == kv_bytes
    assert entry.kv_bytes_per_token(element_bytes=1) == kv_bytes // 2


@pytest.mark.parametrize(
    ("model_id", "billions"),
    [
        ("deepseek-v2-chat", 236),  # README
        ("deepseek-llm-67b-chat", 67),  # README
        ("bge-m3", 0.568),  # card
        ("multilingual-e5-small", 0.118),  # card
        ("qwen2.5-coder-0.5b", 0.49),  # card
        ("qwen2.5-coder-1.5b", 1.54),  # card
    ],
)
def test_published_parameters(model_id: str, billions: float) -> None:
    counted = model(model_id).counted
    assert counted is not None
    assert counted.total / 1e9 == pytest.approx(billions, rel=0.01)


def test_what_v3_is_made_of() -> None:
    counted = model("deepseek-v3").counted
    assert counted is not None
    assert counted.routed_experts == 653_908_770_816
    assert counted.embeddings == 2 * 129_280 * 7168  # README_WEIGHTS.md: 0.9 B each
    assert counted.active == 37_552_282_624
    # README_WEIGHTS.md: 36.7 B, "including" both; that is this number without the 0.9 B of the input embedding.
    assert (counted.active - 129_280 * 7168) / 1e9 == pytest.approx(36.6, abs=0.1)
    assert counted.mtp / 1e9 == pytest.approx(11.6, abs=0.1)  # README_WEIGHTS.md: 11.5 B
    # README: 685 B on Hugging Face, of which 14 B for multi-token prediction with its copies.
    assert (counted.total + counted.mtp + counted.embeddings) / 1e9 == pytest.approx(684.5, abs=0.1)


def test_active_parameters_of_v2() -> None:
    counted = model("deepseek-v2-chat").counted
    assert counted is not None
    assert counted.active / 1e9 == pytest.approx(21, abs=0.5)


def test_the_latent_is_what_the_report_promises() -> None:
    """DeepSeek-V2 against 67B: 93.3 % less. The report caches the latent in 6 bits a value, 67B in 16."""
    latent, grouped = _architecture("deepseek-v2-chat"), _architecture("deepseek-llm-67b-chat")
    assert kv_bytes_per_token(architecture=grouped) == 2 * 95 * 8 * 128 * 2
    ratio = kv_bytes_per_token(architecture=latent) * 6 / 16 / kv_bytes_per_token(architecture=grouped)
    assert 1 - ratio == pytest.approx(0.933, abs=0.001)


def test_tensor_parallelism_finds_one_head_in_the_latent() -> None:
    attention = _architecture("deepseek-r1").attention
    assert isinstance(attention, LatentAttention)
    assert (attention.kv_heads, attention.cached_elements) == (1, 576)
    assert _architecture("deepseek-r1-distill-llama-70b").attention.kv_heads == 8


def test_an_encoder_keeps_nothing() -> None:
    assert model("bge-m3").kv_bytes_per_token() == 0
    assert model("use-multilingual-v3").kv_bytes_per_token() is None


@pytest.mark.parametrize(
    ("precision", "mtp", "gigabytes"),
    [("fp8", False, 673.0), ("fp8", True, 688.6), ("bf16", False, 1342.0), ("int4", False, 351.0)],
)
def test_bytes_of_v3(precision: Precision, mtp: bool, gigabytes: float) -> None:
    size = weight_bytes(architecture=_architecture("deepseek-v3"), precision=precision, mtp=mtp)
    assert size is not None
    assert size / 1e9 == pytest.approx(gigabytes, rel=0.002)


@pytest.mark.parametrize(
    ("model_id", "precision"),
    [
        ("deepseek-r1", "fp8"),  # 688,586,727,753 bytes on Hugging Face
        ("deepseek-r1-distill-qwen-7b", "int4"),  # 4.48 and 1.09 GB on Hugging Face
        ("bge-reranker-v2-m3", "fp32"),  # 2.27 GB on Hugging Face
    ],
)
def test_computed_bytes_are_those_of_the_files(model_id: str, precision: Precision) -> None:
    entry = model(model_id)
    weights = next(each for each in entry.weights if each.precision == precision)
    assert weights.bytes is not None
    assert entry.computed_bytes(weights) == pytest.approx(weights.bytes, rel=0.001)
    assert entry.bytes_of(weights) == weights.bytes


def test_formats_without_a_rule_have_the_size_of_their_file() -> None:
    entry = model("qwen2.5-coder-0.5b")
    (weights,) = entry.weights
    assert entry.computed_bytes(weights) is None
    assert entry.bytes_of(weights) == 491_400_064

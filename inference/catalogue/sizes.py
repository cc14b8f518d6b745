"""Parameters and bytes that follow from an architecture alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from inference.catalogue.architecture import Architecture, EncoderAttention

Precision = Literal["fp32", "bf16", "fp16", "fp8", "int8", "int4", "nvfp4", "q4_k_m", "q4", "q6"]

_BLOCK = 128 * 128
# Bytes of a parameter of the linear layers, and of all others. The formats of llama.cpp and of the bundled
# encoders (q4_k_m, q4, q6) mix widths: their size is only what the file says.
_WIDTHS: dict[Precision, tuple[float, float]] = {
    "fp32": (4.0, 4.0),
    "bf16": (2.0, 2.0),
    "fp16": (2.0, 2.0),
    "fp8": (1.0 + 4.0 / _BLOCK, 2.0),
    "int8": (1.0, 2.0),
    "int4": (0.5 + (2.0 + 0.5) / 128, 2.0),
    "nvfp4": (0.5 + 1.0 / 16, 2.0),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """Counts. ``total`` and ``active`` leave out what is only there for multi-token prediction (``mtp``).

    ``embeddings`` are the input embeddings with the output head when it is a matrix of its own.
    ``linear`` and ``mtp_linear`` are the parts of the two that quantised checkpoints store in few bits.
    """

    total: int
    active: int
    embeddings: int
    routed_experts: int
    linear: int
    mtp: int
    mtp_linear: int


def parameter_widths(*, precision: Precision) -> tuple[float, float] | None:
    """Bytes of a parameter of the linear layers, and of all others; None for formats that only their file tells."""
    return _WIDTHS.get(precision)


def layer_parameters(*, architecture: Architecture, sparse: bool) -> tuple[int, int]:
    """Parameters of a decoder's layer: in its linear maps, and in norms, biases and the router.

    ``sparse`` layers are those with experts; all of them are counted.
    """
    return _layer(architecture, sparse=sparse)


def count_parameters(*, architecture: Architecture) -> Parameters:
    """Count what the layers hold.

    Decoders: two norms and a gated feed-forward of three matrices a layer, one norm at the end (``LlamaModel``,
    ``Qwen2Model`` and ``DeepseekV3Model`` of transformers). Active are all but the routed experts that a token does not visit.
    """
    if isinstance(architecture.attention, EncoderAttention):
        return _encoder_parameters(architecture)
    hidden, layers, experts = architecture.hidden, architecture.layers, architecture.experts
    sparse = layers - experts.dense_layers if experts else 0
    expert = experts.expert(hidden) if experts else 0
    dense_linear, dense_small = _layer(architecture, sparse=False)
    sparse_linear, sparse_small = _layer(architecture, sparse=True)
    linear = (layers - sparse) * dense_linear + sparse * sparse_linear
    small = (layers - sparse) * dense_small + sparse * sparse_small + hidden
    embeddings = architecture.vocabulary * hidden * (1 if architecture.tied_embeddings else 2)
    mtp, mtp_linear = _mtp(architecture)
    return Parameters(
        total=linear + small + embeddings,
        active=linear
        + small
        + embeddings
        - (sparse * (experts.routed - experts.active) * expert if experts else 0),
        embeddings=embeddings,
        routed_experts=sparse * experts.routed * expert if experts else 0,
        linear=linear,
        mtp=mtp,
        mtp_linear=mtp_linear,
    )


def _layer(architecture: Architecture, *, sparse: bool) -> tuple[int, int]:
    """Parameters of a decoder's layer: in its linear maps, and in norms, biases and the router."""
    hidden, experts = architecture.hidden, architecture.experts
    linear, small = (
        architecture.attention.projections(hidden),
        architecture.attention.small(hidden) + 2 * hidden,
    )
    if experts is None or not sparse:
        return linear + 3 * hidden * architecture.intermediate, small
    return linear + (experts.routed + experts.shared) * experts.expert(hidden), small + experts.router(hidden)


def _mtp(architecture: Architecture) -> tuple[int, int]:
    """All parameters for multi-token prediction, and those in linear maps.

    README_WEIGHTS.md of deepseek-ai/DeepSeek-V3: a layer like the last one, a projection of two hidden states to one,
    three norms. Embeddings and head are those of the main model.
    """
    hidden, count = architecture.hidden, architecture.mtp_layers
    linear, small = _layer(architecture, sparse=True)
    linear += 2 * hidden * hidden
    return count * (linear + small + 3 * hidden), count * linear


def _encoder_parameters(architecture: Architecture) -> Parameters:
    """``BertModel`` and ``XLMRobertaModel`` of transformers: biases everywhere, norms with a bias, learned positions."""
    encoder, hidden, width = architecture.encoder, architecture.hidden, architecture.intermediate
    if encoder is None:  # The architecture was checked when it was read.
        raise ValueError("an encoder without its positions")
    embeddings = architecture.vocabulary * hidden
    linear = architecture.layers * (architecture.attention.projections(hidden) + 2 * hidden * width)
    small = architecture.layers * (architecture.attention.small(hidden) + width + hidden + 2 * 2 * hidden)
    small += (encoder.positions + encoder.token_types + 2) * hidden
    head = hidden * hidden + hidden + (hidden + 1 if encoder.head == "classifier" else 0)
    total = embeddings + linear + small + head
    return Parameters(
        total=total,
        active=total,
        embeddings=embeddings,
        routed_experts=0,
        linear=linear,
        mtp=0,
        mtp_linear=0,
    )


def kv_bytes_per_token(*, architecture: Architecture, element_bytes: int = 2) -> int:
    """Bytes that a token of context occupies in the KV cache, over all layers of one copy of the model.

    MLA: (kv_lora_rank + qk_rope_head_dim) × bytes × layers (DeepSeek-V2 report, section 2.1.3 and table 1). It is not divided
    by tensor parallelism, which copies the latent. Grouped-query attention: 2 × layers × kv_heads × head_dim × bytes
    (Ainslie et al., arXiv:2305.13245), divided by at most ``kv_heads``. Pipeline stages divide both. An encoder
    keeps nothing. ``element_bytes`` is 2 for BF16 and 1 for an FP8 cache.
    """
    return architecture.layers * architecture.attention.cached_elements * element_bytes


def weight_bytes(*, architecture: Architecture, precision: Precision, mtp: bool = False) -> int | None:
    """Bytes of a checkpoint; None for formats that only their file tells.

    The linear layers are stored in the precision: FP8 with an FP32 scale for each block of 128 × 128
    (README_WEIGHTS.md of DeepSeek-V3), INT8 with scales that are too few to count, INT4 with an FP16 scale and a 4-bit zero
    for each 128 weights (AWQ), NVFP4 with an FP8 scale for each 16. Embeddings, head, norms and router stay in 16 bits.
    With ``mtp`` also the multi-token prediction, in whose layer DeepSeek's checkpoints repeat embeddings and head.
    """
    if precision not in _WIDTHS:
        return None
    linear_width, other_width = _WIDTHS[precision]
    parameters = count_parameters(architecture=architecture)
    linear, total = parameters.linear, parameters.total
    if mtp:
        linear += parameters.mtp_linear
        total += parameters.mtp + architecture.mtp_layers * parameters.embeddings
    return round(linear * linear_width + (total - linear) * other_width)

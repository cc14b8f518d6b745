"""What lies in the memory of one card: weights, what a step needs besides, and what is left for the KV cache.

Weights follow from the architecture, as in ``inference.catalogue.sizes``, divided as vLLM divides them. What a step needs is an
estimate from the sizes of its tensors, and vLLM measures it at start (its log: "GPU KV cache size"). Assumed besides:

* ``RUNTIME_GIB`` for CUDA graphs, the context and the buffers of communication: graphs took 2,464 MiB on each of four RTX 4090
  (vllm issue 7553), context and communication 0.25 GiB on two (issue 13061).
* vLLM keeps the up-projections of MLA a second time, in BF16, to multiply them into queries and outputs
  (``process_weights_after_loading`` of vllm/v1/attention/backends/mla/common.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil

from inference.accelerators import GIB, AcceleratorEntry
from inference.catalogue import (
    Architecture,
    GroupedAttention,
    LatentAttention,
    ModelEntry,
    Weights,
    layer_parameters,
    parameter_widths,
    weight_bytes,
)
from inference.planner.layout import Layout, stage_layers

RUNTIME_GIB = 2.7
# vLLM's KV cache is given out in blocks of so many tokens.
BLOCK_TOKENS = 16
_BF16 = 2
_LOGITS = 8  # FP32 scores and, while sampling, their probabilities


@dataclass(frozen=True, slots=True)
class StageBytes:
    """Weights of one pipeline stage on one of its cards. ``experts`` are the routed ones, read as far as tokens visit them."""

    shared: float
    experts: float
    embedding: float
    layers: int

    @property
    def total(self) -> float:
        """All that is loaded."""
        return self.shared + self.experts + self.embedding


class ModelSize:
    """The sizes of one model in one form; layers are counted once and asked for often."""

    def __init__(self, *, entry: ModelEntry, weights: Weights) -> None:
        widths = parameter_widths(precision=weights.precision)
        if entry.architecture is None or widths is None:
            raise ValueError(f"{entry.id}: no rule gives the size of {weights.precision!r} weights")
        self.entry, self.weights = entry, weights
        self.architecture: Architecture = entry.architecture
        self._linear, self._other = widths
        self._stages: dict[tuple[Layout, bool], tuple[StageBytes, ...]] = {}

    @cached_property
    def _scale(self) -> float:
        """A published size that differs from the rule's has its reasons (layers left in 16 bits): all is scaled by it."""
        computed = weight_bytes(
            architecture=self.architecture, precision=self.weights.precision, mtp=self.weights.mtp
        )
        return self.weights.bytes / computed if self.weights.bytes and computed else 1.0

    @cached_property
    def active(self) -> int:
        """Parameters that a token is multiplied with: the table of embeddings is looked up."""
        counted, architecture = self.entry.counted, self.architecture
        table = 0 if architecture.tied_embeddings else architecture.vocabulary * architecture.hidden
        return counted.active - table if counted else 0

    @property
    def is_latent(self) -> bool:
        """Whether attention is MLA."""
        return isinstance(self.architecture.attention, LatentAttention)

    def stages(self, *, layout: Layout, speculates: bool) -> tuple[StageBytes, ...]:
        """Each pipeline stage; the layer for multi-token prediction is part of the last one."""
        key = (layout, speculates)
        if key not in self._stages:
            self._stages[key] = self._divided(layout, speculates)
        return self._stages[key]

    def _divided(self, layout: Layout, speculates: bool) -> tuple[StageBytes, ...]:
        architecture = self.architecture
        counts = stage_layers(layers=architecture.layers, stages=layout.pipeline)
        dense = architecture.experts.dense_layers if architecture.experts else architecture.layers
        table = architecture.vocabulary * architecture.hidden * self._other * self._scale / layout.tensor
        dense_layer, sparse_layer = self._layer(layout, sparse=False)[0], self._layer(layout, sparse=True)
        found, first = [], 0
        for place, count in enumerate(counts):
            plain = max(0, min(dense, first + count) - first)
            sparse = count - plain
            last = place == len(counts) - 1
            mtp = architecture.mtp_layers if last and speculates else 0
            head = table if last and not (architecture.tied_embeddings and place == 0) else 0.0
            shared = plain * dense_layer + (sparse + mtp) * sparse_layer[0]
            found.append(
                StageBytes(
                    shared=shared + head + mtp * self._prediction(layout, table),
                    experts=(sparse + mtp) * sparse_layer[1],
                    embedding=(table if place == 0 else 0.0) + mtp * table,
                    layers=count + mtp,
                )
            )
            first += count
        return tuple(found)

    def _prediction(self, layout: Layout, table: float) -> float:
        """What a layer for multi-token prediction has besides: the projection of two states to one, and its own head."""
        hidden = self.architecture.hidden
        return 2 * hidden * hidden * self._linear * self._scale + table

    def _layer(self, layout: Layout, *, sparse: bool) -> tuple[float, float]:
        """Bytes of a layer on one card: what every token passes, and the routed experts."""
        architecture = self.architecture
        if sparse and architecture.experts is None:
            return 0.0, 0.0
        linear, small = layer_parameters(architecture=architecture, sparse=sparse)
        experts = architecture.experts
        routed = experts.routed * experts.expert(architecture.hidden) if experts and sparse else 0
        copied = self._copied
        divided = (linear - routed - copied) / layout.tensor + copied
        kept = divided * self._linear * self._scale + small * self._other + self._absorbed / layout.tensor
        return kept, routed * self._linear * self._scale / (layout.tensor * layout.data)

    @property
    def _copied(self) -> int:
        """Parameters of MLA's down-projections, which every rank of TP has whole."""
        attention = self.architecture.attention
        if not isinstance(attention, LatentAttention):
            return 0
        return self.architecture.hidden * (attention.q_lora_rank + attention.cached_elements)

    @property
    def _absorbed(self) -> int:
        """Bytes of MLA's up-projections as they are kept a second time."""
        attention = self.architecture.attention
        if not isinstance(attention, LatentAttention):
            return 0
        return (
            _BF16
            * attention.heads
            * attention.kv_lora_rank
            * (attention.qk_nope_head_dim + attention.v_head_dim)
        )

    def kv_bytes_per_token(self, *, layout: Layout, element_bytes: int, speculates: bool) -> float:
        """What a token of context occupies on the fullest card of its rank.

        Pipeline stages divide it. TP divides grouped key-value heads as far as there are any, and copies MLA's latent, unless
        decode context parallelism divides the tokens.
        """
        attention = self.architecture.attention
        layers = max(stage_layers(layers=self.architecture.layers, stages=layout.pipeline))
        layers += self.architecture.mtp_layers if speculates else 0
        shares = (
            min(layout.tensor, attention.kv_heads)
            if isinstance(attention, GroupedAttention)
            else layout.context
        )
        return layers * attention.cached_elements * element_bytes / shares

    def activation_bytes(self, *, layout: Layout, batched_tokens: int, sequences: int) -> float:
        """Tensors that live at once in the widest layer of a step of ``batched_tokens``, and the scores of the answers."""
        architecture, experts = self.architecture, self.architecture.experts
        attention = architecture.attention
        heads = attention.heads / layout.tensor
        widths = (
            attention.qk_nope_head_dim + attention.qk_rope_head_dim + attention.v_head_dim
            if isinstance(attention, LatentAttention)
            else 3 * architecture.hidden / attention.heads
        )
        token = 4 * architecture.hidden + 2 * heads * widths + 2 * architecture.intermediate / layout.tensor
        if experts is not None:
            token += experts.active * (2 * architecture.hidden + 3 * experts.intermediate / layout.tensor)
            token += architecture.hidden * (layout.data - 1)  # gathered from the other ranks
        logits = sequences * architecture.vocabulary * _LOGITS
        return batched_tokens * token * _BF16 + logits


@dataclass(frozen=True, slots=True)
class CardMemory:
    """One card, in bytes: the fullest of the layout. ``kv`` is negative by what is missing."""

    usable: int
    budget: int
    weights: int
    activations: int
    runtime: int

    @property
    def kv(self) -> int:
        """Left for the KV cache."""
        return self.budget - self.weights - self.activations - self.runtime

    @property
    def reserve(self) -> int:
        """Outside of vLLM's share."""
        return self.usable - self.budget


@dataclass(frozen=True, slots=True)
class KvCapacity:
    """How much the KV cache holds. ``tokens_per_rank`` in blocks of 16; ``full_contexts`` of all ranks together."""

    bytes_per_token: int
    bytes_per_token_on_card: float
    tokens_per_rank: int
    ranks: int
    context: int
    request_tokens: int

    @property
    def tokens(self) -> int:
        """Of all ranks."""
        return self.tokens_per_rank * self.ranks

    @property
    def full_contexts(self) -> int:
        """Requests that fit at once when each is as long as the context allows."""
        return self.tokens_per_rank // self.context * self.ranks

    @property
    def typical_requests(self) -> int:
        """Requests that fit at once when each is as long as an average one is at its end."""
        return self.tokens_per_rank // self.request_tokens * self.ranks


def card_memory(
    *,
    size: ModelSize,
    layout: Layout,
    accelerator: AcceleratorEntry,
    utilization: float,
    batched_tokens: int,
    sequences: int,
    speculates: bool,
) -> CardMemory:
    """The fullest card of the layout."""
    stages = size.stages(layout=layout, speculates=speculates)
    activations = size.activation_bytes(layout=layout, batched_tokens=batched_tokens, sequences=sequences)
    return CardMemory(
        usable=accelerator.usable_bytes,
        budget=int(accelerator.usable_bytes * utilization),
        weights=ceil(max(stage.total for stage in stages)),
        activations=ceil(activations),
        runtime=int(RUNTIME_GIB * GIB),
    )


def kv_capacity(
    *,
    size: ModelSize,
    layout: Layout,
    memory: CardMemory,
    element_bytes: int,
    speculates: bool,
    context: int,
    request_tokens: int,
) -> KvCapacity:
    """What the rest of the card holds, in whole blocks."""
    on_card = size.kv_bytes_per_token(layout=layout, element_bytes=element_bytes, speculates=speculates)
    whole = size.entry.kv_bytes_per_token(element_bytes=element_bytes) or 0
    blocks = int(max(0, memory.kv) // (on_card * BLOCK_TOKENS))
    return KvCapacity(
        bytes_per_token=whole,
        bytes_per_token_on_card=on_card,
        tokens_per_rank=blocks * BLOCK_TOKENS,
        ranks=layout.ranks,
        context=context,
        request_tokens=request_tokens,
    )

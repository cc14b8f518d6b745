"""How fast it can be at most: what memory bandwidth, peak and links allow, and nothing a kernel or a scheduler adds.

A step of decoding reads each weight that its tokens need once, and the KV cache of each of its requests. In a mixture of
experts it reads the experts that are visited: of E experts of which each token visits k, B tokens visit E × (1 − (1 − k/E)^B)
when they choose independently.

These are upper bounds. DeepSeek-R1 in FP8 on eight H200 (SGLang 0.5.7, 1,024 tokens in and out: InferenceX issue 870) was
measured at 35, 44, 46 and 47 % of them with 8, 16, 32 and 64 requests; AWQ on eight H100 (vLLM 0.7.3) at 9 %. A request alone
stays further below. Speculative decoding is not in them and may exceed them.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.accelerators import AcceleratorEntry
from inference.catalogue import GroupedAttention, LatentAttention
from inference.planner.layout import Layout
from inference.planner.memory import ModelSize, StageBytes

_BF16 = 2
# A multiplication and an addition for each parameter or element.
_OPERATIONS = 2


@dataclass(frozen=True, slots=True)
class DecodeBound:
    """Tokens a second, at most. ``one_request`` alone on an engine; ``per_request`` and ``total`` with all of ``requests``."""

    requests: int
    one_request: float
    per_request: float
    total: float


@dataclass(frozen=True, slots=True)
class PrefillBound:
    """Prompt tokens a second of all engines at most, and the least time to the first token of an average prompt alone."""

    total: float
    first_token_seconds: float


@dataclass(frozen=True, slots=True)
class Load:
    """The share of the bounds that the wished requests a second use: 1 is more than any engine can do."""

    share: float


def decode_bound(
    *,
    size: ModelSize,
    layout: Layout,
    accelerator: AcceleratorEntry,
    requests: int,
    request_tokens: int,
    answer_tokens: int,
    element_bytes: int,
) -> DecodeBound:
    """For ``requests`` at once over all engines, each halfway through its answer."""
    context = request_tokens - answer_tokens / 2
    model = _Decoding(size, layout, accelerator, context, element_bytes)
    alone = model.speed(1)[1]
    each = max(1.0, requests / layout.replicas)
    total, one = model.speed(each)
    engines = min(layout.replicas, requests)
    return DecodeBound(requests=requests, one_request=alone, per_request=one, total=total * engines)


@dataclass(frozen=True, slots=True)
class _Decoding:
    size: ModelSize
    layout: Layout
    accelerator: AcceleratorEntry
    context: float
    element_bytes: int

    def speed(self, requests: float) -> tuple[float, float]:
        """Tokens a second of one engine with so many requests, and of each request.

        Stages work on a part of the requests each, at the same time, and every token passes all of them.
        """
        layout = self.layout
        rank = max(1.0, requests / layout.data)
        part = max(1.0, rank / layout.pipeline)
        stages = self.size.stages(layout=layout, speculates=False)
        times = [self._stage_seconds(stage, part) for stage in stages]
        ranks = min(float(layout.data), requests)
        one = 1 / sum(times)
        return min(part / max(times), rank * one) * ranks, one

    def _stage_seconds(self, stage: StageBytes, part: float) -> float:
        """The slowest of reading, calculating and talking, which overlap at best."""
        return max(self._reading(stage, part), self._calculating(stage, part), self._talking(stage, part))

    def _reading(self, stage: StageBytes, part: float) -> float:
        """A stage's KV cache is its layers' share; the table of embeddings is looked up, not read."""
        kv = self.size.kv_bytes_per_token(
            layout=self.layout, element_bytes=self.element_bytes, speculates=False
        )
        visited = stage.experts * self._visited(part * self.layout.data)
        return (stage.shared + visited + part * self.context * kv) / self.accelerator.bandwidth

    def _visited(self, tokens: float) -> float:
        """The share of the experts that so many tokens visit."""
        experts = self.size.architecture.experts
        if experts is None:
            return 0.0
        return float(1 - (1 - experts.active / experts.routed) ** tokens)

    def _calculating(self, stage: StageBytes, part: float) -> float:
        share = stage.layers / self.size.architecture.layers / self.layout.tensor
        linear = _OPERATIONS * self.size.active * share * part
        attention = _attention(self.size, absorbed=True) * share * part * self.context
        return linear / _peak(self.size, self.accelerator) + attention / _bf16(self.accelerator)

    def _talking(self, stage: StageBytes, part: float) -> float:
        """TP adds up the states of all ranks twice a layer: each card sends and receives 2(t − 1)/t of them."""
        tensor = self.layout.tensor
        states = 2 * stage.layers * part * self.size.architecture.hidden * _BF16
        return states * 2 * (tensor - 1) / tensor / (self.accelerator.interconnect.gbs * 1e9 / 2)


def prefill_bound(
    *, size: ModelSize, layout: Layout, accelerator: AcceleratorEntry, prompt_tokens: int
) -> PrefillBound:
    """All cards at their peak; one prompt alone has the cards of one rank."""
    attention = _attention(size, absorbed=False) * prompt_tokens / 2
    seconds = _OPERATIONS * size.active / _peak(size, accelerator) + attention / _bf16(accelerator)
    return PrefillBound(
        total=layout.cards / seconds,
        first_token_seconds=prompt_tokens * seconds / (layout.tensor * layout.pipeline),
    )


def load(*, decode: DecodeBound, prefill: PrefillBound, rate: float, prompt: int, answer: int) -> Load:
    """Prompts and answers take turns on the same cards: their shares add up."""
    return Load(share=rate * (prompt / prefill.total + answer / decode.total))


def _attention(size: ModelSize, *, absorbed: bool) -> float:
    """Operations for a token and each token of context before it, over all layers.

    While decoding, MLA works on the latent itself; a prompt is attended to with its heads' own keys and values.
    """
    attention = size.architecture.attention
    if isinstance(attention, LatentAttention):
        width = (
            attention.cached_elements + attention.kv_lora_rank
            if absorbed
            else attention.qk_nope_head_dim + attention.qk_rope_head_dim + attention.v_head_dim
        )
    elif isinstance(attention, GroupedAttention):
        width = 2 * attention.head_dim
    else:
        raise ValueError("an encoder does not decode")
    return _OPERATIONS * attention.heads * width * size.architecture.layers


def _peak(size: ModelSize, accelerator: AcceleratorEntry) -> float:
    """Operations a second with these weights; 4-bit weights for 16-bit states are unpacked and multiplied in BF16."""
    compute = accelerator.compute
    peaks = {"fp8": compute.fp8, "int8": compute.int8, "nvfp4": compute.fp4 or compute.fp8}
    return (peaks.get(size.weights.precision) or compute.bf16) * 1e12


def _bf16(accelerator: AcceleratorEntry) -> float:
    return accelerator.compute.bf16 * 1e12

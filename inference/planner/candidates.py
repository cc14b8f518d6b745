"""Each layout with what it holds and what it can do at most, and which one is best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from inference.catalogue import GroupedAttention
from inference.planner.bounds import DecodeBound, Load, PrefillBound, decode_bound, load, prefill_bound
from inference.planner.layout import Hardware, Layout, layouts
from inference.planner.memory import CardMemory, KvCapacity, ModelSize, card_memory, kv_capacity
from inference.planner.notes import Note
from inference.planner.request import Objective, PlanRequest, Workload

Held = Literal["full", "typical", "few"]

# A step of prefill, in tokens: what vLLM takes by itself on large cards and on small ones (its optimisation guide), and what
# vllm-ascend's tutorial of DeepSeek-R1 takes.
_BATCHED_LARGE, _BATCHED_SMALL, _BATCHED_ASCEND = 8192, 2048, 4096
_LARGE_GIB = 70
_MOST_SEQUENCES = 1024
# Bounds are not reached: a third of one is taken for what an engine does all day (see ``bounds``).
BUSY = 1 / 3
# Bounds that differ by less say nothing about which layout is faster.
_ABOUT_AS_FAST = 0.8
_LINKS: dict[str, str] = {
    "nvlink": "NVLink",
    "hccs": "HCCS",
    "infinity-fabric": "Infinity Fabric",
    "pcie": "PCIe",
}
# AWQ's kernels for experts were run with TP alone.
_WHOLE_EXPERTS = frozenset({"int4"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """One layout. ``held``: whether the KV cache holds the wished requests when each is as long as it may be, as an average
    one is, or not."""

    layout: Layout
    speculates: bool
    batched_tokens: int
    sequences: int
    memory: CardMemory
    kv: KvCapacity
    decode: DecodeBound
    prefill: PrefillBound
    load: Load
    held: Held
    reasons: tuple[Note, ...]

    @property
    def fits(self) -> bool:
        """vLLM starts: there is room for one request as long as the context."""
        return self.kv.tokens_per_rank >= self.kv.context

    @property
    def carries(self) -> bool:
        """It holds the wished requests, and they use no more of its bounds than engines reach."""
        return self.fits and self.held != "few" and self.load.share <= BUSY


def candidates(*, size: ModelSize, hardware: Hardware, request: PlanRequest) -> tuple[Candidate, ...]:
    """Every layout, the best first; empty when none divides the cards."""
    spreads = size.weights.precision not in _WHOLE_EXPERTS
    every = layouts(architecture=size.architecture, hardware=hardware, spreads_experts=spreads)
    found = [_best_variant(size, hardware, layout, request) for layout in every]
    return tuple(
        ranked(
            candidates=[each for each in found if each is not None],
            objective=request.objective,
            cards_per_node=hardware.cards_per_node,
        )
    )


def ranked(*, candidates: Sequence[Candidate], objective: Objective, cards_per_node: int) -> list[Candidate]:
    """What starts comes first, then what does what is asked for, then the simplest of those that are about as fast.

    ``auto`` wants the load carried and then single requests answered fast, ``latency`` the latter at once, ``throughput``
    many tokens a second. Experts that lie on several nodes send each token over the network at every layer, which the
    bounds don't know: only ``throughput`` takes them gladly.
    """
    classes = {id(each): _class(each, objective, cards_per_node) for each in candidates}
    fastest: dict[tuple[bool, ...], float] = {}
    for each in candidates:
        kind = classes[id(each)]
        fastest[kind] = max(fastest.get(kind, 0.0), _speed(each, objective))

    def order(each: Candidate) -> tuple[object, ...]:
        kind = classes[id(each)]
        speed = _speed(each, objective)
        slow = speed < _ABOUT_AS_FAST * fastest[kind]
        short = 0 if each.fits else -each.memory.kv
        return (*kind, short, slow, each.layout.context > 1, each.layout.parts, -speed)

    return sorted(candidates, key=order)


def _class(each: Candidate, objective: Objective, cards_per_node: int) -> tuple[bool, ...]:
    wanted = each.carries if objective == "auto" else each.held != "few"
    spread = objective != "throughput" and each.layout.spreads_over_nodes(cards_per_node=cards_per_node)
    return (not each.fits, not wanted, spread)


def _speed(each: Candidate, objective: Objective) -> float:
    """Of one request among all, unless only the sum counts: for ``throughput``, and where nothing carries the load."""
    if objective == "throughput" or (objective == "auto" and not each.carries):
        return each.decode.total
    return each.decode.per_request


def _best_variant(
    size: ModelSize, hardware: Hardware, layout: Layout, request: PlanRequest
) -> Candidate | None:
    """With multi-token prediction where it may be and still fits, else without."""
    if request.speculation and not may_speculate(size=size, layout=layout):
        return None
    first, *rest = _speculations(size, layout, request)
    best = evaluate(size=size, hardware=hardware, layout=layout, request=request, speculates=first)
    for speculates in rest:
        if best.fits and best.held != "few":
            break
        other = evaluate(size=size, hardware=hardware, layout=layout, request=request, speculates=speculates)
        best = other if other.kv.tokens > best.kv.tokens or not best.fits else best
    return best


def _speculations(size: ModelSize, layout: Layout, request: PlanRequest) -> Iterator[bool]:
    """Prediction pays where few answer at once; throughput has no use for it."""
    if request.speculation is not None:
        yield request.speculation
    else:
        if may_speculate(size=size, layout=layout) and request.objective != "throughput":
            yield True
        yield False


def may_speculate(*, size: ModelSize, layout: Layout) -> bool:
    """The weights have the layer, and vLLM predicts within one stage and with undivided caches."""
    return size.weights.mtp and layout.pipeline == 1 and layout.context == 1


def evaluate(
    *, size: ModelSize, hardware: Hardware, layout: Layout, request: PlanRequest, speculates: bool
) -> Candidate:
    """One layout on the request's workload."""
    work, accelerator = request.workload, hardware.accelerator
    batched, sequences = _batched_tokens(hardware), _sequences(work, layout)
    memory = card_memory(
        size=size,
        layout=layout,
        accelerator=accelerator,
        utilization=request.utilization,
        batched_tokens=batched,
        sequences=sequences,
        speculates=speculates,
    )
    element_bytes = 1 if request.kv_cache == "fp8" else 2
    kv = kv_capacity(
        size=size,
        layout=layout,
        memory=memory,
        element_bytes=element_bytes,
        speculates=speculates,
        context=work.context_tokens,
        request_tokens=work.request_tokens,
    )
    decode = decode_bound(
        size=size,
        layout=layout,
        accelerator=accelerator,
        requests=work.concurrency,
        request_tokens=work.request_tokens,
        answer_tokens=work.answer_tokens,
        element_bytes=element_bytes,
    )
    prefill = prefill_bound(
        size=size, layout=layout, accelerator=accelerator, prompt_tokens=work.prompt_tokens
    )
    return Candidate(
        layout=layout,
        speculates=speculates,
        batched_tokens=batched,
        sequences=sequences,
        memory=memory,
        kv=kv,
        decode=decode,
        prefill=prefill,
        load=load(
            decode=decode,
            prefill=prefill,
            rate=work.requests_per_second,
            prompt=work.prompt_tokens,
            answer=work.answer_tokens,
        ),
        held=_held(kv, work),
        reasons=tuple(_reasons(size, hardware, layout)),
    )


def _batched_tokens(hardware: Hardware) -> int:
    if hardware.accelerator.is_ascend:
        return _BATCHED_ASCEND
    return _BATCHED_LARGE if hardware.accelerator.memory.usable_gib >= _LARGE_GIB else _BATCHED_SMALL


def _sequences(work: Workload, layout: Layout) -> int:
    """Of one rank, in eights as CUDA graphs are captured."""
    each = -(-work.concurrency // layout.ranks)
    return min(_MOST_SEQUENCES, max(8, -(-each // 8) * 8))


def _held(kv: KvCapacity, work: Workload) -> Held:
    if kv.full_contexts >= work.concurrency:
        return "full"
    return "typical" if kv.typical_requests >= work.concurrency else "few"


def _reasons(size: ModelSize, hardware: Hardware, layout: Layout) -> Iterator[Note]:
    """Why the layout is as it is, and what it costs."""
    if layout.engine_cards == 1:
        yield Note("one_card")
    yield from _tensor_reasons(size, hardware, layout)
    if layout.pipeline > 1:
        crosses = layout.tensor * layout.pipeline > hardware.cards_per_node
        yield Note("pipeline_over_nodes" if crosses else "pipeline_without_link", {"n": layout.pipeline})
    if layout.data > 1:
        yield Note("data_parallel_latent" if size.is_latent else "data_parallel_copies", {"n": layout.data})
    if layout.experts and size.architecture.experts:
        each = size.architecture.experts.routed // (layout.tensor * layout.data)
        yield Note("experts_spread", {"n": layout.tensor * layout.data, "each": each})
    if layout.context > 1:
        yield Note("latent_divided", {"n": layout.context})
    if layout.replicas > 1:
        yield Note("replicas", {"n": layout.replicas})


def _tensor_reasons(size: ModelSize, hardware: Hardware, layout: Layout) -> Iterator[Note]:
    accelerator, tensor = hardware.accelerator, layout.tensor
    if tensor == 1:
        return
    if accelerator.is_linked:
        values: dict[str, str | int | float] = {
            "n": tensor,
            "link": _LINKS[accelerator.interconnect.kind],
            "gbs": accelerator.interconnect.gbs,
        }
        yield Note("tensor_within_node", values)
    else:
        yield Note("tensor_over_pcie", {"n": tensor, "gbs": accelerator.interconnect.gbs})
    attention = size.architecture.attention
    if size.is_latent and accelerator.is_ascend:
        yield Note("tensor_heads_ascend", {"heads": attention.heads // tensor})
    if size.is_latent and layout.context == 1:
        yield Note("latent_copied", {"n": tensor})
    if isinstance(attention, GroupedAttention) and tensor > attention.kv_heads:
        yield Note("kv_heads_copied", {"n": attention.kv_heads})

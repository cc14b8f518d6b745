"""How an engine may be spread over cards: which layouts are possible, in vLLM's words.

Tensor parallelism (TP) divides every layer and talks at each of them, so it stays within a node; pipeline parallelism (PP)
divides the layers and crosses nodes; data parallelism (DP) serves requests side by side. In a mixture of experts the ranks
of DP share the experts: DP × TP cards hold them once (vLLM, data parallel deployment).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from inference.accelerators import AcceleratorEntry
from inference.catalogue import Architecture, GroupedAttention, LatentAttention

# vllm-ascend's FAQ: with MLA each rank must have 32, 64 or 128 heads.
_ASCEND_HEADS_A_RANK = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """One engine, and how many of them: ``replicas`` know nothing of each other and stand behind the router.

    ``context`` is decode context parallelism: the ranks of TP divide the KV cache of a request among them.
    """

    tensor: int
    pipeline: int = 1
    data: int = 1
    experts: bool = False
    context: int = 1
    replicas: int = 1

    @property
    def engine_cards(self) -> int:
        """Cards of one engine."""
        return self.tensor * self.pipeline * self.data

    @property
    def cards(self) -> int:
        """Cards of all."""
        return self.engine_cards * self.replicas

    @property
    def ranks(self) -> int:
        """KV caches that exist beside each other."""
        return self.data * self.replicas

    def nodes(self, *, cards_per_node: int) -> int:
        """Nodes of one engine."""
        return max(1, self.engine_cards // cards_per_node)

    @property
    def parts(self) -> int:
        """In how many ways cards are used beside each other: the fewer, the simpler to run."""
        return sum(each > 1 for each in (self.tensor, self.pipeline, self.data, self.context, self.replicas))

    def spreads_over_nodes(self, *, cards_per_node: int) -> bool:
        """Whether every layer of every token goes to the experts of other nodes."""
        return self.experts and self.engine_cards > cards_per_node

    @property
    def label(self) -> str:
        """``TP8 PP2``, as people write it."""
        parts = [f"TP{self.tensor}"]
        parts += [f"PP{self.pipeline}"] if self.pipeline > 1 else []
        parts += [f"DP{self.data}"] if self.data > 1 else []
        parts += [f"EP{self.tensor * self.data}"] if self.experts else []
        parts += [f"DCP{self.context}"] if self.context > 1 else []
        return " ".join(parts) + (f" × {self.replicas}" if self.replicas > 1 else "")


@dataclass(frozen=True, slots=True)
class Hardware:
    """Cards of one kind, in nodes that are alike."""

    accelerator: AcceleratorEntry
    cards_per_node: int
    nodes: int = 1

    @property
    def cards(self) -> int:
        """All of them."""
        return self.cards_per_node * self.nodes


def layouts(
    *, architecture: Architecture, hardware: Hardware, spreads_experts: bool = True
) -> tuple[Layout, ...]:
    """Every layout that uses all cards and that vLLM accepts for this architecture.

    ``spreads_experts`` False: weights whose experts cannot lie on ranks of their own; TP divides each of them.
    """
    found = dict.fromkeys(
        Layout(each.tensor, each.pipeline, each.data, each.experts, each.context, hardware.cards // engine)
        for engine in _engine_sizes(hardware)
        for each in _engines(architecture, hardware, engine, spreads_experts)
    )
    return tuple(found)


def stage_layers(*, layers: int, stages: int) -> tuple[int, ...]:
    """Layers of each pipeline stage, as vLLM divides them: what remains goes to the stages before the last.

    ``get_pp_indices`` of vllm/distributed/utils.py.
    """
    stage, rest = divmod(layers, stages)
    parts = [stage] * stages
    for place in range(2, rest + 2):
        parts[-place] += 1
    return tuple(parts)


def _engine_sizes(hardware: Hardware) -> Iterator[int]:
    """Parts of a node that divide it, and whole nodes that divide the nodes."""
    yield from (size for size in range(1, hardware.cards_per_node + 1) if hardware.cards_per_node % size == 0)
    yield from (
        hardware.cards_per_node * nodes
        for nodes in range(2, hardware.nodes + 1)
        if hardware.nodes % nodes == 0
    )


def _engines(
    architecture: Architecture, hardware: Hardware, cards: int, spreads_experts: bool
) -> Iterator[Layout]:
    for tensor in range(1, min(cards, hardware.cards_per_node) + 1):
        if cards % tensor or not _divides_heads(architecture, hardware.accelerator, tensor):
            continue
        rest = cards // tensor
        spreads = spreads_experts and architecture.experts is not None and cards > 1
        if rest > 1 or not spreads:
            yield from _stages(architecture, hardware, tensor, rest)
        if spreads:
            yield from _shared_experts(architecture, hardware, tensor, rest)


def _stages(architecture: Architecture, hardware: Hardware, tensor: int, stages: int) -> Iterator[Layout]:
    """One copy of the model: stages over nodes, or inside a node where TP cannot be or has no link."""
    if stages > architecture.layers or not _stages_allowed(architecture, hardware, tensor, stages):
        return
    yield from _with_divided_latent(architecture, hardware, Layout(tensor, stages))


def _stages_allowed(architecture: Architecture, hardware: Hardware, tensor: int, stages: int) -> bool:
    if stages == 1:
        return True
    if architecture.experts is not None and hardware.accelerator.is_ascend:
        # vllm-ascend's deployments of V3 and R1 go over nodes by DP with shared experts, never by stages.
        return False
    if tensor * stages > hardware.cards_per_node:
        return tensor == _widest(architecture, hardware)
    return not hardware.accelerator.is_linked or not _divides_heads(
        architecture, hardware.accelerator, tensor * stages
    )


def _shared_experts(
    architecture: Architecture, hardware: Hardware, tensor: int, data: int
) -> Iterator[Layout]:
    """Attention by TP within DP, experts over all cards of the engine."""
    routed = architecture.experts.routed if architecture.experts else 0
    if routed % (tensor * data) == 0 and hardware.cards_per_node % tensor == 0:
        whole = Layout(tensor, data=data, experts=True)
        yield from _with_divided_latent(architecture, hardware, whole) if data == 1 else (whole,)


def _with_divided_latent(architecture: Architecture, hardware: Hardware, layout: Layout) -> Iterator[Layout]:
    """And the same with decode context parallelism, which CUDA's kernels of MLA can do."""
    yield layout
    latent = isinstance(architecture.attention, LatentAttention)
    if latent and layout.tensor > 1 and hardware.accelerator.vendor == "nvidia":
        yield replace(layout, context=layout.tensor)


def _widest(architecture: Architecture, hardware: Hardware) -> int:
    """The widest TP that a node has room for."""
    return max(
        tensor
        for tensor in range(1, hardware.cards_per_node + 1)
        if hardware.cards_per_node % tensor == 0
        and _divides_heads(architecture, hardware.accelerator, tensor)
    )


def _divides_heads(architecture: Architecture, accelerator: AcceleratorEntry, tensor: int) -> bool:
    attention = architecture.attention
    if attention.heads % tensor or architecture.intermediate % tensor:
        return False
    if isinstance(attention, GroupedAttention):
        return attention.kv_heads % tensor == 0 or tensor % attention.kv_heads == 0
    return not accelerator.is_ascend or attention.heads // tensor >= _ASCEND_HEADS_A_RANK

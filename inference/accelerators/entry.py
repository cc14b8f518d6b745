"""One accelerator of the catalogue: what its data file may say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from inference.catalogue.entry import Feature
from inference.catalogue.parts import Count, Key, Source, Table, Text

Vendor = Literal["nvidia", "amd", "huawei"]
Link = Literal["nvlink", "infinity-fabric", "hccs", "pcie"]
Positive = Annotated[float, Field(gt=0)]

GIB = 1024**3


class Memory(Table):
    """``usable_gib`` is what a program can have, as PyTorch reports it; ``bandwidth_gbs`` in 10⁹ bytes a second."""

    nominal_gb: Positive
    source: Text
    usable_gib: Positive
    usable_source: Text
    bandwidth_gbs: Positive
    bandwidth_source: Text


class Compute(Table):
    """Dense peaks in 10¹² operations a second, accumulated in FP32 or INT32.

    Vendors print twice as much, for matrices of which half is zero; the weights of language models are not. What no source
    tells is left out.
    """

    bf16: Positive
    fp8: Positive | None = None
    int8: Positive | None = None
    fp4: Positive | None = None
    source: Text


class Capability(Table):
    """Of NVIDIA's: what a kernel may be compiled for."""

    version: Annotated[str, Field(pattern=r"^\d+\.\d$")]
    source: Text


class Features(Table):
    """What vLLM can do on it, in the words of ``Weights.needs``."""

    has: tuple[Feature, ...] = ()
    source: Text


class Interconnect(Table):
    """Between the cards of one node: ``gbs`` is the sum of both directions of one card, in 10⁹ bytes a second."""

    kind: Link
    gbs: Positive
    source: Text


class Node(Table):
    """How many cards a server usually holds."""

    cards: Count
    source: Text


class Power(Table):
    """The most that one card takes."""

    watts: Positive
    source: Text


class AcceleratorEntry(Table):
    """An accelerator, with a source behind every number. One entry is what vLLM sees as one device."""

    id: Key
    name: Text
    vendor: Vendor
    memory: Memory
    compute: Compute
    capability: Capability | None = None
    features: Features
    interconnect: Interconnect
    node: Node | None = None
    power: Power | None = None
    sources: dict[Key, Source]

    @property
    def usable_bytes(self) -> int:
        """``memory.usable_gib`` in bytes."""
        return int(self.memory.usable_gib * GIB)

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return self.memory.bandwidth_gbs * 1e9

    @property
    def is_ascend(self) -> bool:
        """Whether it is served by vllm-ascend."""
        return self.vendor == "huawei"

    @property
    def is_linked(self) -> bool:
        """Whether the cards of a node have a link of their own, past PCI Express."""
        return self.interconnect.kind != "pcie"

    def meets(self, needs: tuple[Feature, ...]) -> bool:
        """Whether weights with these needs run on it."""
        return set(needs) <= set(self.features.has)

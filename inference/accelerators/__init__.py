"""The accelerators Karez knows: memory, bandwidth, peaks and links, each number with its source.

One data file a card (``cards/*.toml``), read as those of ``inference.catalogue`` are. Nothing here uses the network.

    from inference import accelerators
    h200 = accelerators.accelerator("h200")
    h200.memory.usable_gib                # 139.8
    h200.compute.fp8                      # 1978.9, dense
"""

from __future__ import annotations

from functools import cache

from inference.accelerators.entry import (
    GIB,
    AcceleratorEntry,
    Capability,
    Compute,
    Interconnect,
    Link,
    Memory,
    Node,
    Power,
    Vendor,
)
from inference.accelerators.errors import UnknownAcceleratorError
from inference.accelerators.loading import find_accelerator, load_accelerators

__all__ = [
    "GIB",
    "AcceleratorEntry",
    "Capability",
    "Compute",
    "Interconnect",
    "Link",
    "Memory",
    "Node",
    "Power",
    "UnknownAcceleratorError",
    "Vendor",
    "accelerator",
    "accelerators",
    "load_accelerators",
]


@cache
def accelerators() -> tuple[AcceleratorEntry, ...]:
    """Those that come with Karez."""
    return load_accelerators()


def accelerator(accelerator_id: str) -> AcceleratorEntry:
    """The packaged one of that id; raises ``UnknownAcceleratorError``."""
    return find_accelerator(entries=accelerators(), accelerator_id=accelerator_id)

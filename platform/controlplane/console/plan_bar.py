"""The memory of a card as a bar: what the planner puts into it, in parts of a drawing of 100 by 14."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inference.planner import CardMemory

_GIB = 1024**3
_WIDTH = 100.0


@dataclass(frozen=True, slots=True)
class Part:
    """`tone` is the name of its colour; `missing` is drawn beyond the limit."""

    tone: str
    name: Promise
    gib: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class MemoryBar:
    """`limit` is where vLLM's share ends."""

    parts: tuple[Part, ...]
    limit: float
    usable_gib: float
    budget_gib: float


def memory_bar(*, memory: CardMemory) -> MemoryBar:
    """Parts from left to right; what does not fit makes the bar longer than the card."""
    parts: list[tuple[str, Promise, int]] = [
        ("weights", _("Weights"), memory.weights),
        ("activations", _("Activations"), memory.activations),
        ("runtime", _("Runtime"), memory.runtime),
    ]
    if memory.kv > 0:
        parts.append(("kv", _("KV cache"), memory.kv))
        parts.append(("reserve", _("Left to others"), memory.reserve))
    whole = max(memory.usable, sum(size for _tone, _name, size in parts))
    drawn, x = [], 0.0
    for tone, name, size in parts:
        width = size / whole * _WIDTH
        drawn.append(Part(tone, name, size / _GIB, round(x, 2), round(width, 2)))
        x += width
    return MemoryBar(
        parts=tuple(drawn),
        limit=round(memory.budget / whole * _WIDTH, 2),
        usable_gib=memory.usable / _GIB,
        budget_gib=memory.budget / _GIB,
    )

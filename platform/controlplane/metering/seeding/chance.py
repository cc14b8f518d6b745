"""Chance that repeats itself, and identifiers made of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
_VERSION_7 = 7 << 76
_VARIANT = 2 << 62


@dataclass(frozen=True, slots=True)
class Seed:
    """Of what the rows say, and of their identifiers, which no two tenants may share. `language`: of conversations."""

    rows: str
    ids: str
    language: str = "zh-hans"


class Chance(random.Random):
    """The same draws for the same seed and purpose, in whatever order the purposes come."""

    def __init__(self, seed: Seed, purpose: str) -> None:
        super().__init__(f"{seed.rows}/{purpose}")
        self.language = seed.language
        self._ids = random.Random(f"{seed.rows}/{purpose}/{seed.ids}")  # noqa: S311 - protects nothing

    def __new__(cls, seed: Seed, purpose: str) -> "Chance":
        return super().__new__(cls)

    def id_at(self, milliseconds: int) -> str:
        """An identifier as `core.models.new_id` gives them at that time."""
        bits = self._ids.getrandbits(74)
        return f"{milliseconds << 80 | _VERSION_7 | bits >> 62 << 64 | _VARIANT | bits & (1 << 62) - 1:032x}"

    def skewed(self, things: Sequence[T]) -> T:
        """One of them; the first ones far more often, as with people and assistants."""
        return things[int(len(things) * self.random() ** 2.5)]

    def times(self, *, count: int, until: int, days: int) -> list[int]:
        """Milliseconds in the `days` before `until`, in order; more in working hours, and on weekdays."""
        hours = days * 24
        start = until - hours * 3_600_000
        weights = [_busyness(start // 3_600_000 + hour) for hour in range(hours)]
        chosen = self.choices(range(hours), weights=weights, k=count)
        return sorted(start + hour * 3_600_000 + int(self.random() * 3_600_000) for hour in chosen)


def _busyness(hour: int) -> float:
    """How much is asked in an hour since 1970, by the clock of Shanghai."""
    local = hour + 8
    is_weekend = (local // 24 + 3) % 7 >= 5  # that Thursday was day 0
    of_day = local % 24
    busy = 1.0 if 9 <= of_day < 12 or 14 <= of_day < 18 else 0.35 if 8 <= of_day < 21 else 0.02
    return busy * (0.15 if is_weekend else 1.0)

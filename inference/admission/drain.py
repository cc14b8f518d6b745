"""How fast a pool empties."""

import math

_MEMORY_SECONDS = 30.0


class Drain:
    """Departures a second, the older the less they count."""

    __slots__ = ("_at", "_count", "_since")

    def __init__(self, *, now: float) -> None:
        self._count = 0.0
        self._at = now
        self._since = now

    def departed(self, *, now: float) -> None:
        self._count = self._count * math.exp((self._at - now) / _MEMORY_SECONDS) + 1.0
        self._at = now

    def seconds_for(self, *, departures: int, now: float) -> float | None:
        """Until so many will have left; None while nothing is known."""
        count = self._count * math.exp((self._at - now) / _MEMORY_SECONDS)
        if count < 0.05:
            return None
        # What a memory of this length would have seen, had it been there from the beginning.
        seen = _MEMORY_SECONDS * (1.0 - math.exp((self._since - now) / _MEMORY_SECONDS))
        return departures * seen / count if seen > 0 else None

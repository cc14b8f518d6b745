"""A replica as the router sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from inference.endpoints import EngineEndpoint
from inference.router.breaker import Breaker

CandidateState = Literal["starting", "ready", "saturated", "draining", "failed", "unknown"]

# An engine that holds more of its KV cache than this preempts sequences soon: vLLM computes them again from the start.
FULL_CACHE = 0.95


@dataclass(slots=True)
class Candidate:
    """Mutable: what is told of it, and what this process has under way on it.

    ``running`` and ``waiting`` are the engine's own counts, of all who ask it; ``kv_usage`` the share of its KV cache in use,
    0 to 1. All three are None for an engine that tells nothing. ``capacity`` is how many requests it answers at once.
    ``told_outstanding`` is what this process had under way when the engine was last asked, so that its own requests are not
    counted twice.
    """

    endpoint: EngineEndpoint
    state: CandidateState = "unknown"
    running: int | None = None
    waiting: int | None = None
    kv_usage: float | None = None
    capacity: int | None = None
    outstanding: int = 0
    told_outstanding: int = 0
    breaker: Breaker = field(default_factory=Breaker)

    @property
    def load(self) -> int:
        """Requests on it, as far as it is known: the engine's own count, brought up to date with what this process sent
        since."""
        if self.running is None:
            return self.outstanding
        others = max(0, self.running + (self.waiting or 0) - self.told_outstanding)
        return others + self.outstanding

    @property
    def is_pressed(self) -> bool:
        """Whether another request would wait, or push others out of the cache."""
        if self.state == "saturated" or (self.waiting or 0) > 0 or (self.kv_usage or 0.0) > FULL_CACHE:
            return True
        return self.capacity is not None and self.load >= self.capacity

    def has_room(self, *, now: float) -> bool:
        """Whether another request would be answered at once, as far as it is known. ``now`` as the breaker's."""
        is_well = self.state in ("ready", "unknown") and self.breaker.allows(now=now)
        return is_well and not self.breaker.is_suspect(now=now) and not self.is_pressed

    def told(
        self, *, state: CandidateState, running: int | None, waiting: int | None, kv_usage: float | None
    ) -> None:
        """What the engine said of itself just now. One that is back is asked at once."""
        if state == "ready" and self.state == "failed":
            self.breaker.succeeded()
        self.state, self.running, self.waiting, self.kv_usage = state, running, waiting, kv_usage
        self.told_outstanding = self.outstanding

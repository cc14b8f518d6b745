"""What an engine carries at a moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loads:
    """Of one model on one server. Requests, but for ``kv_usage`` (share of the KV cache in use, of the fullest engine) and
    the counters since its start: tokens looked up in the prefix cache and found there, and all tokens read and written."""

    running: int = 0
    waiting: int = 0
    kv_usage: float | None = None
    prefix_queries: int = 0
    prefix_hits: int = 0
    tokens: int = 0

    @property
    def prefix_hit_rate(self) -> float | None:
        """Share of looked-up tokens that were found, since the engine's start; None before the first."""
        return self.prefix_hits / self.prefix_queries if self.prefix_queries else None

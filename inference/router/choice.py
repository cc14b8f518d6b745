"""The order in which the replicas behind a name are tried."""

from __future__ import annotations

from collections.abc import Sequence

from inference.router.affinity import LOAD_FACTOR, weight_of
from inference.router.candidate import Candidate

# How willing each state is; what drains, or is off, gets nothing.
_WILLING = {"ready": 0, "unknown": 0, "saturated": 1, "starting": 2, "failed": 3}


def ordered(*, candidates: Sequence[Candidate], prefix: bytes, turn: int, now: float) -> list[Candidate]:
    """The replicas to try, the best one first; empty when all of them drain or are left alone by their breakers.

    The conversation's own replica comes first while it has room and is not much busier than the others; then who has the
    least under way. Those that have failed just now, that wait, or whose cache is full come behind those that are well; failed
    ones come last, for somebody has to find out that one is back. ``turn`` is another number each time: among equals it
    decides.
    """
    usable = [each for each in candidates if each.state in _WILLING and each.breaker.allows(now=now)]
    if len(usable) < 2:
        return usable
    bound = _bound(usable)

    def rank(place: int) -> tuple[int, bool, bool, int, int]:
        candidate = usable[place]
        load = candidate.load
        own = bool(prefix) and load < bound
        return (
            _WILLING[candidate.state],
            candidate.breaker.is_suspect(now=now),
            candidate.is_pressed,
            0 if own else load + 1,
            -weight_of(prefix=prefix, replica=candidate.endpoint.base_url)
            if prefix
            else (place + turn) % len(usable),
        )

    return [usable[place] for place in sorted(range(len(usable)), key=rank)]


def _bound(candidates: Sequence[Candidate]) -> float:
    """The load below which a replica still takes its own conversations, the new request counted: at least one request."""
    total = sum(each.load for each in candidates) + 1
    return max(1.0, LOAD_FACTOR * total / len(candidates))

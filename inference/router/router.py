"""The replicas of this process's view, and what happens on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from inference.endpoints import EngineEndpoint
from inference.errors import AnswerTimeout, EngineBusy, EngineError, EngineFailed, EngineUnavailable
from inference.router.candidate import Candidate
from inference.router.choice import ordered


class Router:
    """Of one event loop. Replicas are known by address and model; one that is asked for is remembered with its history."""

    def __init__(self) -> None:
        self._candidates: dict[tuple[str, str], Candidate] = {}
        self._turn = 0

    def candidate(self, *, endpoint: EngineEndpoint) -> Candidate:
        """The replica at that endpoint."""
        key = (endpoint.base_url, endpoint.model)
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = Candidate(endpoint=endpoint)
        elif found.endpoint is not endpoint:
            found.endpoint = endpoint
        return found

    def keep(self, *, endpoints: Sequence[EngineEndpoint]) -> None:
        """Forget all others, but for those that still have requests under way."""
        kept = {(endpoint.base_url, endpoint.model) for endpoint in endpoints}
        self._candidates = {
            key: candidate
            for key, candidate in self._candidates.items()
            if key in kept or candidate.outstanding
        }

    def order(self, *, endpoints: Sequence[EngineEndpoint], prefix: bytes = b"") -> list[Candidate]:
        """The replicas to try, the best one first. See ``choice.ordered``."""
        candidates = [self.candidate(endpoint=endpoint) for endpoint in endpoints]
        self._turn += 1
        return ordered(candidates=candidates, prefix=prefix, turn=self._turn, now=time.monotonic())

    def has_room(self, *, endpoints: Sequence[EngineEndpoint]) -> bool:
        """Whether one of them would answer another request at once, as far as it is known."""
        now = time.monotonic()
        return any(self.candidate(endpoint=endpoint).has_room(now=now) for endpoint in endpoints)

    def pause(self, *, endpoints: Sequence[EngineEndpoint]) -> float:
        """Seconds until one of them may be tried, when all of them are left alone."""
        now = time.monotonic()
        pauses = [self.candidate(endpoint=each).breaker.pause(now=now) for each in endpoints]
        return min(pauses, default=0.0)

    def under_way(self, *, candidate: Candidate) -> UnderWay:
        """Around one request to the replica: it counts as its load, and how it ends as its health."""
        return UnderWay(candidate)


class UnderWay:
    """One request to a replica. A refusal is an answer, and so is an engine's word that it is full; a client that hangs up
    tells nothing. ``missed`` hears of one that was not reached, or broke off."""

    __slots__ = ("_candidate", "_missed")

    def __init__(self, candidate: Candidate, missed: Callable[[Candidate], None] | None = None) -> None:
        self._candidate = candidate
        self._missed = missed

    def __enter__(self) -> Candidate:
        self._candidate.breaker.sent(now=time.monotonic())
        self._candidate.outstanding += 1
        return self._candidate

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        self._candidate.outstanding -= 1
        if error is None:
            self._candidate.breaker.succeeded()
            return
        if self._missed and isinstance(error, EngineUnavailable) and not isinstance(error, AnswerTimeout):
            self._missed(self._candidate)
        self._judge(error)

    def _judge(self, error: BaseException) -> None:
        breaker = self._candidate.breaker
        if isinstance(error, AnswerTimeout):
            return  # it is slow, not broken
        if isinstance(error, EngineFailed):
            breaker.faltered(now=time.monotonic())
        elif isinstance(error, EngineUnavailable) and not isinstance(error, EngineBusy):
            breaker.failed(now=time.monotonic())
        elif isinstance(error, EngineError):
            breaker.succeeded()

"""What one tenant or department has in use, and what this process may let it use."""

import math
from dataclasses import dataclass

from inference.admission.buckets import Bucket, burst_of
from inference.admission.party import NO_LIMITS, Level, Limits
from inference.admission.refusals import Refused

# How fast past demand is forgotten when rates are split over processes.
_RECENT_SECONDS = 5.0
# A slot of concurrency becomes free when an answer ends, and nobody knows when that is.
_CONCURRENCY_RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Left:
    """Of one kind of limit: what it is, and what is left of it in this process at this moment."""

    limit: int
    remaining: int
    reset_seconds: float


class Account:
    """Of one event loop. `room`: how many requests it may have at once under a limit of concurrency."""

    __slots__ = (
        "_asked",
        "_asked_at",
        "_limits",
        "_refused",
        "_requests",
        "_share",
        "_spread",
        "_tokens",
        "in_flight",
        "room",
    )

    def __init__(self) -> None:
        self._limits = NO_LIMITS
        self._refused = 0
        self._spread = 1
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self._share = 1.0
        self._asked = 0.0
        self._asked_at = 0.0
        self.in_flight = 0
        self.room: int | None = None

    def adopt(self, *, limits: Limits, now: float) -> None:
        """Limits may change while requests are under way."""
        if limits is self._limits:
            return
        if limits != self._limits:
            self._requests = self._bucket(self._requests, limits.requests_per_minute, now)
            self._tokens = self._bucket(self._tokens, limits.tokens_per_minute, now)
            most = limits.concurrency
            self.room = None if most is None else max(1, most // self._spread)
        self._limits = limits

    def agree(self, *, share: float, room: int | None, processes: int, now: float) -> None:
        """What the processes found: the part of the rates that is given out here, 0 to 1, and the part of the concurrency."""
        if (share, processes) != (self._share, self._spread):
            self._share, self._spread = share, processes
            self._requests = self._bucket(self._requests, self._limits.requests_per_minute, now)
            self._tokens = self._bucket(self._tokens, self._limits.tokens_per_minute, now)
        self.room = room

    def wanted(self) -> int:
        """Requests in flight, and those refused for their number since this was last asked."""
        refused, self._refused = self._refused, 0
        return self.in_flight + refused

    @property
    def limits(self) -> Limits:
        return self._limits

    def check(self, *, level: Level, cost: float, now: float) -> None:
        """Whether one more may come. Takes nothing, but notes the demand. Raises Refused."""
        self._note(cost, now)
        limits = self._limits
        if limits.concurrency is not None and self.in_flight >= (self.room or 0):
            self._refused += 1
            raise Refused(
                kind="concurrency",
                level=level,
                limit=limits.concurrency,
                retry_after=_CONCURRENCY_RETRY_SECONDS,
            )
        if self._requests and (wait := self._requests.wait(amount=1.0, now=now)):
            raise Refused(
                kind="requests", level=level, limit=limits.requests_per_minute or 0, retry_after=wait
            )
        if self._tokens and (wait := self._tokens.wait(amount=cost, now=now)):
            raise Refused(kind="tokens", level=level, limit=limits.tokens_per_minute or 0, retry_after=wait)

    def enter(self, *, cost: float) -> None:
        """One that was checked comes; `cost` tokens are reserved."""
        self.in_flight += 1
        if self._requests:
            self._requests.take(amount=1.0)
        if self._tokens:
            self._tokens.take(amount=cost)

    def settle(self, *, cost: float, tokens: float) -> None:
        """It is over, and used `tokens` where `cost` was reserved."""
        self.in_flight -= 1
        if self._tokens:
            self._tokens.give(amount=cost - tokens)

    def withdraw(self, *, cost: float) -> None:
        """It was never served: as if it had not come."""
        self.settle(cost=cost, tokens=0)
        if self._requests:
            self._requests.give(amount=1.0)

    def recent(self, *, now: float) -> float:
        """Tokens asked for lately, refused ones too: by this the rates are split over processes."""
        return self._asked * math.exp((self._asked_at - now) / _RECENT_SECONDS)

    def is_idle(self, *, now: float) -> bool:
        """Nothing is lost by forgetting it."""
        buckets = [one for one in (self._requests, self._tokens) if one is not None]
        return (
            not self.in_flight
            and self.recent(now=now) < 0.01
            and all(one.wait(amount=math.inf, now=now) == 0 for one in buckets)
        )

    def requests_left(self, *, now: float) -> Left | None:
        return _left(self._requests, self._limits.requests_per_minute, now)

    def tokens_left(self, *, now: float) -> Left | None:
        return _left(self._tokens, self._limits.tokens_per_minute, now)

    def _note(self, cost: float, now: float) -> None:
        self._asked = self.recent(now=now) + max(1.0, cost)
        self._asked_at = now

    def _bucket(self, before: Bucket | None, per_minute: int | None, now: float) -> Bucket | None:
        if per_minute is None:
            return None
        mine = per_minute * self._share
        burst = burst_of(per_minute=per_minute, processes=self._spread)
        if before is None:
            return Bucket(per_minute=mine, burst=burst, now=now)
        before.set_rate(per_minute=mine, burst=burst, now=now)
        return before


def _left(bucket: Bucket | None, limit: int | None, now: float) -> Left | None:
    if bucket is None or limit is None:
        return None
    full = bucket.wait(amount=math.inf, now=now)
    return Left(limit=limit, remaining=int(bucket.left(now=now)), reset_seconds=full)

"""So much in a minute: token buckets.

The buckets of all processes hold what comes in ten seconds, so in any minute at most 7/6 of the rate goes through, and one
request more: a request larger than the bucket goes when the bucket is full, and what it took beyond is waited for by those
after it.
"""

_BURST_SECONDS = 10.0
_MINUTE = 60.0


class Bucket:
    """Of requests or of tokens. `now` is any clock that never goes back, in seconds; `burst` what it holds, at least 1."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, *, per_minute: float, burst: float, now: float) -> None:
        self._rate = per_minute / _MINUTE
        self._burst = max(1.0, burst)
        self._level = self._burst
        self._at = now

    def set_rate(self, *, per_minute: float, burst: float, now: float) -> None:
        """From now on. What is in the bucket stays, as far as it fits the new one."""
        self._refill(now)
        self._rate = per_minute / _MINUTE
        self._burst = max(1.0, burst)
        self._level = min(self._level, self._burst)

    def wait(self, *, amount: float, now: float) -> float:
        """Seconds until it may be taken; 0 when it may be now. Takes nothing."""
        self._refill(now)
        missing = min(amount, self._burst) - self._level
        if missing <= 1e-9:
            return 0.0
        return missing / self._rate if self._rate > 0 else _MINUTE

    def take(self, *, amount: float) -> None:
        """Also more than there is: the rest is owed."""
        self._level -= amount

    def give(self, *, amount: float) -> None:
        """Back what was taken and not used; a negative amount takes what was used beyond."""
        self._level = min(self._level + amount, self._burst)

    def left(self, *, now: float) -> float:
        """What may be taken at once; never negative."""
        self._refill(now)
        return max(0.0, self._level)

    def _refill(self, now: float) -> None:
        if now <= self._at:  # somebody looked at the clock before the bucket was made
            return
        self._level = min(self._level + (now - self._at) * self._rate, self._burst)
        self._at = now


def burst_of(*, per_minute: float, processes: int) -> float:
    """What the bucket of one process holds. The same for each, however the rate is split: a burst may come anywhere."""
    return per_minute * _BURST_SECONDS / _MINUTE / processes

"""A circuit breaker: an engine that cannot be reached is left alone, and tried again with one request at a time."""

from __future__ import annotations

from dataclasses import dataclass

# So many in a row open it.
FAILURES = 3
FIRST_PAUSE_SECONDS = 1.0
# No longer: the only engine of a site must not be refused a minute after it is back.
LONGEST_PAUSE_SECONDS = 10.0
# After one failure of any kind others come first for so long.
SUSPECT_SECONDS = 5.0


@dataclass(slots=True)
class Breaker:
    """Of one replica. Times are those of the loop's clock, in seconds.

    Closed, requests go through. Open, none for a pause that doubles with every failed trial. Then one request is let through
    for a trial: its success closes the breaker, its failure opens it again.
    """

    _failures: int = 0
    _failed_at: float = float("-inf")
    _pause: float = 0.0
    _open_until: float = 0.0

    def allows(self, *, now: float) -> bool:
        """Whether a request may be sent. Tell of it with ``sent``."""
        return not self._pause or now >= self._open_until

    def pause(self, *, now: float) -> float:
        """Seconds until it allows one."""
        return max(0.0, self._open_until - now) if self._pause else 0.0

    def is_suspect(self, *, now: float) -> bool:
        """Whether something went wrong just now, and nothing went well since."""
        return now - self._failed_at < SUSPECT_SECONDS

    def sent(self, *, now: float) -> None:
        """A request is on its way. While a trial is under way no other begins; one that never tells of its end counts for a
        pause."""
        if self._pause:
            self._open_until = now + self._pause

    def succeeded(self) -> None:
        """It answered."""
        self._failures, self._pause, self._failed_at = 0, 0.0, float("-inf")

    def faltered(self, *, now: float) -> None:
        """It answered that it failed. That may be the request's fault: nobody else is kept from it, only sent elsewhere
        first."""
        self._failed_at = now

    def failed(self, *, now: float) -> None:
        """It was not reached, or broke off."""
        self._failures += 1
        self._failed_at = now
        if self._failures >= FAILURES:
            self._pause = min(max(FIRST_PAUSE_SECONDS, self._pause * 2), LONGEST_PAUSE_SECONDS)
            self._open_until = now + self._pause

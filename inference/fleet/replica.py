"""One replica, as whoever chooses among them sees it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from inference.endpoints import EngineEndpoint
from inference.fleet.state import NO_REASON, Reason, State

NOT_WATCHED = Reason("not_watched")


def replica_key(*, base_url: str, model: str) -> str:
    """The same for the same model on the same server, wherever it is asked: 32 hexadecimal digits."""
    return hashlib.sha256(f"{base_url}\n{model}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Replica:
    """``id`` is the `replica_key`. ``running`` and ``waiting`` are the engine's own counts, None where it does not tell them;
    ``capacity`` the most requests it works on at once, as far as somebody has said. ``since`` is None while the watch has not
    seen it; ``reason`` is then `NOT_WATCHED` where there is no watch at all.
    ``registered_id`` is that of the row, of one that the setting does not name."""

    id: str
    endpoint: EngineEndpoint
    state: State
    reason: Reason = NO_REASON
    since: datetime | None = None
    running: int | None = None
    waiting: int | None = None
    kv_usage: float | None = None
    capacity: int | None = None
    prefix_hit_rate: float | None = None
    registered_id: str | None = None

    @property
    def takes_requests(self) -> bool:
        """Whether new requests may go to it."""
        return self.state not in ("draining", "failed")

    @property
    def answers(self) -> bool:
        """Whether it is known to answer. Where nobody watches, it is given the benefit of the doubt."""
        return self.state in ("ready", "saturated") or self.reason is NOT_WATCHED

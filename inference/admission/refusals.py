"""Why somebody was not let in."""

from typing import Literal

from inference.admission.party import Level

Kind = Literal["requests", "tokens", "concurrency", "queue_full", "waited_too_long"]


class Refused(Exception):
    """`limit` is the one that was met: a number of the kind, or seconds for `waited_too_long`. `retry_after`: seconds until
    asking again makes sense, at least 1."""

    def __init__(
        self, *, kind: Kind, level: Level | Literal["pool"], limit: float, retry_after: float
    ) -> None:
        super().__init__(f"{kind} of the {level}: {limit:g}, again in {retry_after:.0f} s")
        self.kind = kind
        self.level = level
        self.limit = limit
        self.retry_after = max(1.0, retry_after)

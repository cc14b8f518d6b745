"""Who asks to be let in, and what they may use."""

from dataclasses import dataclass
from typing import Literal

# batch: whoever asks can wait; it goes when nobody interactive waits, and once in a while otherwise.
Priority = Literal["interactive", "batch"]
Level = Literal["tenant", "department"]


@dataclass(frozen=True, slots=True)
class Limits:
    """None is no limit. `concurrency` counts requests that are served or wait."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None

    def __bool__(self) -> bool:
        return (
            self.requests_per_minute is not None
            or self.tokens_per_minute is not None
            or self.concurrency is not None
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Member:
    """A tenant, or a department of one. `key` is unique over all tenants and departments; `weight` is at least 1."""

    key: str
    weight: int = 1
    limits: Limits = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Party:
    """One who asks. `department` is None for somebody who asks for the tenant as a whole."""

    tenant: Member
    department: Member | None = None
    priority: Priority = "interactive"

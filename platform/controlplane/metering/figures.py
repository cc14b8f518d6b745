"""The counts of some hours: sums that can be added up further."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import reduce
from operator import add
from typing import Any, TypedDict, cast
from uuid import UUID

from controlplane.metering.histogram import EMPTY, Histogram, added, quantile


class Counters(TypedDict):
    questions: int
    answered: int
    cited: int
    refused: int
    stopped: int
    failed: int
    thumbs_up: int
    thumbs_down: int
    prompt_tokens: int
    completion_tokens: int


COUNTERS = tuple(Counters.__annotations__)


def counters(values: Sequence[Any]) -> Counters:
    """From values in the order of COUNTERS."""
    return cast(Counters, dict(zip(COUNTERS, map(int, values), strict=True)))


@dataclass(frozen=True, slots=True)
class Figures:
    """`cited` are those of the answered whose answer has a citation. Questions still being answered are in none of the
    outcomes. Tokens and times are of answers, a regenerated answer's beside the one that it replaced."""

    questions: int = 0
    answered: int = 0
    cited: int = 0
    refused: int = 0
    stopped: int = 0
    failed: int = 0
    thumbs_up: int = 0
    thumbs_down: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    refused_by_reason: Mapping[str, int] = field(default_factory=dict)
    first_token: Histogram = EMPTY
    total: Histogram = EMPTY

    def __add__(self, other: "Figures") -> "Figures":
        counts = {name: getattr(self, name) + getattr(other, name) for name in COUNTERS}
        reasons = dict(self.refused_by_reason)
        for reason, count in other.refused_by_reason.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return Figures(
            **counts,
            refused_by_reason=reasons,
            first_token=added(self.first_token, other.first_token),
            total=added(self.total, other.total),
        )

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def first_token_p50(self) -> int | None:
        return quantile(self.first_token, 0.5)

    @property
    def first_token_p95(self) -> int | None:
        return quantile(self.first_token, 0.95)

    @property
    def total_p50(self) -> int | None:
        return quantile(self.total, 0.5)

    @property
    def total_p95(self) -> int | None:
        return quantile(self.total, 0.95)

    def at_least(self, other: "Figures") -> "Figures":
        """Of each count the higher one; the thumbs are this one's, for they may be taken back."""
        counts = {name: max(getattr(self, name), getattr(other, name)) for name in COUNTERS}
        counts |= {"thumbs_up": self.thumbs_up, "thumbs_down": self.thumbs_down}
        reasons = {**self.refused_by_reason, **other.refused_by_reason}
        mine = self.refused_by_reason
        return Figures(
            **counts,
            refused_by_reason={reason: max(mine.get(reason, 0), count) for reason, count in reasons.items()},
            first_token=tuple(map(max, self.first_token, other.first_token)),
            total=tuple(map(max, self.total, other.total)),
        )


NOTHING = Figures()
FIELDS = tuple(one.name for one in fields(Figures))


def total(figures: "list[Figures]") -> Figures:
    return reduce(add, figures, NOTHING)


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted in one hour of one department, assistant (None: asked of knowledge bases alone) and model."""

    hour: datetime
    department_id: UUID
    assistant_id: UUID | None
    model: str
    figures: Figures

    @property
    def key(self) -> tuple[datetime, UUID, UUID | None, str]:
        return self.hour, self.department_id, self.assistant_id, self.model

"""Spans of time and what a report of usage is grouped by."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal
from uuid import UUID

from django.utils import timezone

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
GroupBy = Literal["hour", "day", "department", "assistant", "model"]
GROUPS: tuple[GroupBy, ...] = ("hour", "day", "department", "assistant", "model")


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def next_hour_of(moment: datetime) -> datetime:
    """The moment itself where an hour begins, else the next beginning."""
    hour = hour_of(moment)
    return hour if hour == moment else hour + HOUR


def midnight(moment: datetime) -> datetime:
    """The beginning of the local day."""
    return timezone.make_aware(datetime.combine(timezone.localtime(moment).date(), time.min))


def days_before(moment: datetime, days: int) -> datetime:
    """The same local time some days before: also where a change of the clock lies between."""
    local = timezone.localtime(moment)
    return timezone.make_aware(local.replace(tzinfo=None) - timedelta(days=days))


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """What is asked of the usage: from `start` until before `end`, of one department or assistant or all."""

    start: datetime
    end: datetime
    group_by: GroupBy
    department_id: UUID | None = None
    assistant_id: UUID | None = None

    def described(self) -> Mapping[str, str]:
        found = {
            "start": self.start.astimezone(UTC).isoformat(),
            "end": self.end.astimezone(UTC).isoformat(),
            "group_by": self.group_by,
            "department": str(self.department_id or ""),
            "assistant": str(self.assistant_id or ""),
        }
        return {name: value for name, value in found.items() if value}

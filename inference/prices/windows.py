"""Hours of the week, in the book's own zone. All spans are half open: the minute at which one ends belongs to the next."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints, model_validator

from inference.catalogue.parts import Key, Table, Text

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
ClockOrMidnight = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES


class Window(Table):
    """From ``start`` until ``end`` of those days. One that ends before it starts crosses midnight and belongs to the day at
    which it starts; ``24:00`` is the end of the day."""

    id: Annotated[Key, StringConstraints(max_length=32)]
    start: Clock
    end: ClockOrMidnight
    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    source: Text | None = None

    @model_validator(mode="after")
    def _some_time(self) -> Window:
        if self.start == self.end:
            raise ValueError("start and end are the same; a whole day is 00:00 to 24:00")
        return self

    @cached_property
    def minutes(self) -> frozenset[int]:
        """The minutes of the week that it holds, counted from Monday's midnight."""
        start, end = _minute(self.start), _minute(self.end)
        length = (end - start) % DAY_MINUTES or DAY_MINUTES
        begins = (WEEKDAYS.index(day) * DAY_MINUTES + start for day in self.days)
        return frozenset((begin + minute) % WEEK_MINUTES for begin in begins for minute in range(length))


def minute_of_week(local: datetime) -> int:
    """Of a time that is local already. An hour that the clock shows twice has the same minutes twice."""
    return local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute


def _minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)

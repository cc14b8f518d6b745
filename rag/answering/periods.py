"""The ends of periods that figures are of: 2025年9月末, 年末, 30 June 2025. A balance of September is none of December.

Only ends: what holds for a span (前三季度, 2025年) is not compared, because it is written in too many ways.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_YEAR = r"(?:(?P<year>(?:19|20)\d\d)\s*年\s*)?"
_END = r"(?:末|底|终)"
_QUARTERS = {"一": 3, "二": 6, "三": 9, "四": 12, "1": 3, "2": 6, "3": 9, "4": 12}
_CHINESE = re.compile(
    rf"{_YEAR}第?(?P<quarter>[一二三四1-4])季度{_END}"
    rf"|{_YEAR.replace('year', 'year2')}(?P<month>1[0-2]|0?[1-9])\s*月(?:{_END}|(?:28|29|30|31)\s*日)"
    rf"|(?P<year3>(?:19|20)\d\d)\s*年度?{_END}|(?<![上去本当每\d])年{_END}"
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "|".join(_MONTHS)
_ENGLISH = re.compile(
    rf"\b(?:(?:28|29|30|31)\s+(?P<month>{_MONTH})|(?P<month2>{_MONTH})\s+(?:28|29|30|31)),?\s+(?P<year>(?:19|20)\d\d)"
    r"|\b(?:year[- ]end|end\s+of(?:\s+the\s+year)?)\s+(?P<year2>(?:19|20)\d\d)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class PeriodEnd:
    """``year`` is None where the text leaves it to the reader."""

    year: int | None
    month: int

    def may_be(self, other: PeriodEnd) -> bool:
        """Whether both can mean one day."""
        return self.month == other.month and (
            self.year is None or other.year is None or self.year == other.year
        )


def period_ends(text: str) -> frozenset[PeriodEnd]:
    """Every end of a month, a quarter or a year that the text names."""
    found = set()
    for match in _CHINESE.finditer(text):
        year = match.group("year") or match.group("year2") or match.group("year3")
        quarter, month = match.group("quarter"), match.group("month")
        found.add(_made(year, _QUARTERS[quarter] if quarter else int(month or 12)))
    for match in _ENGLISH.finditer(text):
        name = match.group("month") or match.group("month2")
        month_number = _MONTHS.index(name.lower()) + 1 if name else 12
        found.add(_made(match.group("year") or match.group("year2"), month_number))
    return frozenset(found)


def other_period(said: Collection[PeriodEnd], *, known: Collection[PeriodEnd]) -> PeriodEnd | None:
    """One that is said and not known, where another one of its year is known. A sentence that also names a known one
    compares the two."""
    if any(one.may_be(other) for one in said for other in known):
        return None
    for one in said:
        if one.year is not None and any(other.year == one.year for other in known):
            return one
    return None


def _made(year: str | None, month: int) -> PeriodEnd:
    return PeriodEnd(year=int(year) if year else None, month=month)

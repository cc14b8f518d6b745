"""Days that people type, of which a calendar knows more than a clock: the years 2 and 9999 come by on the way to 2025."""

from datetime import date, datetime, time

from django.utils import timezone

FIRST, LAST = date(1970, 1, 2), date(9998, 12, 31)


def begin_of(day: date) -> datetime:
    """Its midnight here. Of a day before 1970 or after 9998 that of the first or last one."""
    return timezone.make_aware(datetime.combine(min(max(day, FIRST), LAST), time.min))

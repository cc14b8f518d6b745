"""Writing the roll-up, and noting who took usage out of the platform."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.core.scope import tenant_scope
from controlplane.identity.principal import Principal
from controlplane.metering.aggregation import count_messages
from controlplane.metering.figures import FIELDS, NOTHING, Counted, Figures
from controlplane.metering.models import HourlyUsage, LedgerEntry, UsageProgress
from controlplane.metering.selectors import changed_hours, figures_of, first_hour, stored_usage
from controlplane.metering.spans import HOUR, UsageQuery, hour_of

# An answer is stored, and its question changed, after the hour that both belong to: it is counted again for so long.
_UNSETTLED = 2 * HOUR
_OVERLAP = timedelta(minutes=2)
_AT_ONCE = timedelta(days=7)


def usage_roll_up(*, tenant_id: UUID, now: datetime | None = None) -> int:
    """Count the closed hours that are not counted yet, and those again in which something changed since. Their number.

    May be killed and repeated anywhere: an hour is always counted as a whole.
    """
    now = now or timezone.now()
    closed = hour_of(now)
    with tenant_scope(tenant_id):
        begun = _progress(tenant_id, closed)
        changed = changed_hours(
            tenant_id=tenant_id, since=begun.looked_at - _OVERLAP, before=begun.rolled_until
        )
    settled = begun.rolled_until - _UNSETTLED
    spans = [*_spans(changed - set(_hours(settled, begun.rolled_until))), *_weeks(settled, closed)]
    for start, end in spans:
        _count_again(tenant_id, start, end, rolled_until=end)
    with tenant_scope(tenant_id):
        UsageProgress.objects.filter(tenant_id=tenant_id).update(looked_at=now)
    return sum((end - start) // HOUR for start, end in spans)


def _progress(tenant_id: UUID, closed: datetime) -> UsageProgress:
    start = min(first_hour(tenant_id=tenant_id) or closed, closed)
    progress, _ = UsageProgress.objects.get_or_create(
        tenant_id=tenant_id, defaults={"rolled_until": start, "looked_at": timezone.now()}
    )
    return progress


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += HOUR


def _spans(hours: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    return [(hour, hour + HOUR) for hour in sorted(hours)]


def _weeks(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(start + _AT_ONCE, end)
        start += _AT_ONCE


def _count_again(tenant_id: UUID, start: datetime, end: datetime, *, rolled_until: datetime) -> None:
    with tenant_scope(tenant_id):
        # One at a time: two that count the same hour would each write it.
        progress = UsageProgress.objects.select_for_update().get(tenant_id=tenant_id)
        stored = stored_usage(tenant_id=tenant_id, start=start, end=end)
        usage = _kept(count_messages(tenant_id=tenant_id, start=start, end=end), stored)
        HourlyUsage.objects.filter(tenant_id=tenant_id, hour__gte=start, hour__lt=end).delete()
        HourlyUsage.objects.bulk_create([_row(tenant_id, one) for one in usage], batch_size=1000)
        if rolled_until > progress.rolled_until:
            progress.rolled_until = rolled_until
            progress.save(update_fields=["rolled_until"])


def _kept(counted: Collection[Counted], stored: Collection[Counted]) -> list[Counted]:
    """As counted now; but who deletes a conversation does not undo that it was asked and paid for.

    An hour with fewer questions or fewer tokens than were counted before has lost some, and keeps of each count the higher
    one. (Fewer of one model alone: its question was asked again of another.)
    """
    now = {one.key: one for one in counted}
    have, had = _by_hour(counted), _by_hour(stored)
    for before in stored:
        left = have.get(before.hour, NOTHING)
        if left.questions < had[before.hour].questions or left.tokens < had[before.hour].tokens:
            figures = now[before.key].figures if before.key in now else NOTHING
            now[before.key] = Counted(*before.key, figures.at_least(before.figures))
    return list(now.values())


def _by_hour(counted: Collection[Counted]) -> dict[datetime, Figures]:
    hours: dict[datetime, Figures] = {}
    for one in counted:
        hours[one.hour] = hours.get(one.hour, NOTHING) + one.figures
    return hours


@transaction.atomic
def usage_move(*, tenant_id: UUID, department_id: UUID, to_id: UUID) -> None:
    """Have all that was counted of one department counted with another: hours that both have are added up."""
    with tenant_scope(tenant_id):
        # No hour is counted meanwhile.
        UsageProgress.objects.select_for_update().filter(tenant_id=tenant_id).first()
        own = HourlyUsage.objects.filter(tenant_id=tenant_id)
        leaving = own.filter(department_id=department_id)
        there = {_place(row): row for row in own.filter(department_id=to_id, hour__in=leaving.values("hour"))}
        merged: list[Counted] = []
        gone: list[UUID] = []
        for row in leaving.iterator(chunk_size=1000):
            if twin := there.get(_place(row)):
                gone += [row.pk, twin.pk]
                figures = figures_of(row=row) + figures_of(row=twin)
                merged.append(Counted(row.hour, to_id, row.assistant_id, row.model, figures))
        own.filter(pk__in=gone).delete()
        leaving.update(department_id=to_id)
        HourlyUsage.objects.bulk_create([_row(tenant_id, one) for one in merged], batch_size=1000)
        LedgerEntry.objects.filter(tenant_id=tenant_id, department_id=department_id).update(
            department_id=to_id
        )


def _place(row: HourlyUsage) -> tuple[datetime, UUID | None, str]:
    return row.hour, row.assistant_id, row.model


def _row(tenant_id: UUID, one: Counted) -> HourlyUsage:
    figures = {name: getattr(one.figures, name) for name in FIELDS}
    figures |= {name: list(figures[name]) for name in ("first_token", "total")}
    return HourlyUsage(
        tenant_id=tenant_id,
        hour=one.hour,
        department_id=one.department_id,
        assistant_id=one.assistant_id,
        model=one.model,
        **figures,
    )


@transaction.atomic
def usage_export_note(*, principal: Principal, query: UsageQuery) -> None:
    """That the figures left the platform, and which."""
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="usage.exported",
        target=f"tenant:{principal.tenant}",
        **query.described(),
    )

"""Reading usage: hours that were rolled up from the roll-up, the others from the messages themselves."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils import timezone

from controlplane.assistants.models import Assistant
from controlplane.audit.selectors import event_list
from controlplane.chat.models import Message
from controlplane.core.models import first_id
from controlplane.core.scope import tenant_scope
from controlplane.identity.principal import Principal
from controlplane.metering.aggregation import HOUR_MS, count_messages
from controlplane.metering.figures import COUNTERS, FIELDS, NOTHING, Counted, Figures, counters
from controlplane.metering.histogram import BUCKETS
from controlplane.metering.models import HourlyUsage, UsageProgress
from controlplane.metering.spans import DAY, GroupBy, UsageQuery, hour_of, next_hour_of
from controlplane.tenants.models import Department

# Should the roll-up not run, reading must not become the roll-up.
_READ_LIVE_AT_MOST = 2 * DAY
_KEYS: Mapping[GroupBy, str] = {
    "hour": "hour",
    "day": "(hour AT TIME ZONE %(zone)s)::date",
    "department": "department_id",
    "assistant": "assistant_id",
    "model": "model",
}
_SUMS = ", ".join(
    [f"sum({name})" for name in COUNTERS]
    + [
        "ARRAY[" + ", ".join(f"coalesce(sum({name}[{n}]), 0)" for n in range(1, BUCKETS + 1)) + "]::bigint[]"
        for name in ("first_token", "total")
    ]
)
_WHERE = """
FROM metering_hourlyusage
WHERE tenant_id = %(tenant)s AND hour >= %(start)s AND hour < %(end)s AND department_id = ANY (%(departments)s)
  AND (%(assistant)s::uuid IS NULL OR assistant_id = %(assistant)s)
"""
_REASONS = ", jsonb_each_text(refused_by_reason) AS r (reason, count)"
# A regenerated answer changes the state of an older question: the message before it.
_CHANGED = """
SELECT (SELECT q.id FROM chat_message q
        WHERE q.tenant_id = a.tenant_id AND q.conversation_id = a.conversation_id AND q.id < a.id AND q.role = 'question'
        ORDER BY q.id DESC LIMIT 1)
FROM chat_message a WHERE a.tenant_id = %(tenant)s AND a.id >= %(since)s AND a.role = 'answer'
"""
# Of a verdict that was taken back only the trail knows.
_VERDICTS = ("feedback.given", "feedback.changed", "feedback.withdrawn")


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """The figures of one hour, day, department, assistant or model. `key` is unique in its list; `label` is for people."""

    key: str
    label: str
    figures: Figures


def first_hour(*, tenant_id: UUID) -> datetime | None:
    oldest = Message.objects.filter(tenant_id=tenant_id).order_by("id").values_list("id", flat=True).first()
    return _hour_of_id(oldest) if oldest else None


def changed_hours(*, tenant_id: UUID, since: datetime, before: datetime) -> set[datetime]:
    """The hours before `before` of which a message, or what was said of it, changed after `since`."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED, {"tenant": tenant_id, "since": first_id(at=since)})
        changed = {id_ for (id_,) in cursor.fetchall() if id_}
    for action in _VERDICTS:
        targets = event_list(tenant_id=tenant_id, action=action).filter(at__gte=since)
        changed |= {
            UUID(target.removeprefix("message:")) for target in targets.values_list("target", flat=True)
        }
    return {hour for hour in map(_hour_of_id, changed) if hour < before}


def _hour_of_id(id_: UUID) -> datetime:
    return datetime.fromtimestamp((id_.int >> 80) // HOUR_MS * HOUR_MS / 1000, UTC)


def stored_usage(*, tenant_id: UUID, start: datetime, end: datetime) -> list[Counted]:
    """The rows of the roll-up themselves."""
    rows = HourlyUsage.objects.filter(tenant_id=tenant_id, hour__gte=start, hour__lt=end)
    return [
        Counted(row.hour, row.department_id, row.assistant_id, row.model, figures_of(row=row)) for row in rows
    ]


def figures_of(*, row: HourlyUsage) -> Figures:
    values = {name: getattr(row, name) for name in FIELDS}
    return Figures(**values | {name: tuple(values[name]) for name in ("first_token", "total")})


def rolled_until(*, tenant_id: UUID) -> datetime | None:
    progress = UsageProgress.objects.filter(tenant_id=tenant_id)
    return progress.values_list("rolled_until", flat=True).first()


def usage_groups(*, principal: Principal, query: UsageQuery) -> list[UsageGroup]:
    """Of the departments that the principal reviews, ordered by key. At most one group for each hour, day, … there is."""
    found = usage_figures(principal=principal, query=query, with_reasons=True)
    labels = _labels(principal.tenant, query.group_by)
    groups = [
        UsageGroup(key, labels.get(key, key), figures)
        for key, figures in ((_text(key), figures) for key, figures in found.items())
    ]
    return sorted(groups, key=lambda group: group.key)


def usage_figures(
    *, principal: Principal, query: UsageQuery, with_reasons: bool = False
) -> dict[Any, Figures]:
    """The same by the keys themselves: datetime, date, UUID, None or name of a model."""
    departments = principal.review_departments
    if query.department_id:
        departments &= {query.department_id}
    found: dict[Any, Figures] = {}
    for start, end, is_stored in _parts(principal.tenant, query.start, query.end):
        if is_stored:
            part = _stored_groups(principal.tenant, query, start, end, departments, with_reasons)
        else:
            part = _live_groups(principal.tenant, query, start, end, departments)
        for key, figures in part.items():
            found[key] = found[key] + figures if key in found else figures
    return found


def _parts(tenant_id: UUID, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, bool]]:
    """The span cut into what is rolled up (True) and what has to be counted now."""
    first, last = next_hour_of(start), min(hour_of(end), rolled_until(tenant_id=tenant_id) or start)
    if first >= last:
        yield max(start, end - _READ_LIVE_AT_MOST), end, False
        return
    if start < first:
        yield start, first, False
    yield first, last, True
    if last < end:
        yield max(last, end - _READ_LIVE_AT_MOST), end, False


def _stored_groups(
    tenant_id: UUID,
    query: UsageQuery,
    start: datetime,
    end: datetime,
    departments: Collection[UUID],
    with_reasons: bool,
) -> dict[Any, Figures]:
    values: dict[str, Any] = {
        "tenant": tenant_id,
        "start": start,
        "end": end,
        "departments": list(departments),
        "assistant": query.assistant_id,
        "zone": settings.TIME_ZONE,
    }
    key = _KEYS[query.group_by]
    reasons: dict[Any, dict[str, int]] = {}
    with connection.cursor() as cursor:
        if with_reasons:
            where = _WHERE.replace("metering_hourlyusage", "metering_hourlyusage" + _REASONS)
            cursor.execute(
                f"SELECT {key}, reason, sum(r.count::bigint) {where} AND refused > 0 GROUP BY 1, 2", values
            )
            for group, reason, count in cursor.fetchall():
                reasons.setdefault(group, {})[reason] = int(count)
        cursor.execute(f"SELECT {key}, {_SUMS} {_WHERE} GROUP BY 1", values)
        return {row[0]: _summed(row[1:], reasons.get(row[0], {})) for row in cursor.fetchall()}


def _summed(row: tuple[Any, ...], reasons: Mapping[str, int]) -> Figures:
    *counts, first_token, whole = row
    return Figures(
        **counters(counts), refused_by_reason=reasons, first_token=tuple(first_token), total=tuple(whole)
    )


def _live_groups(
    tenant_id: UUID, query: UsageQuery, start: datetime, end: datetime, departments: Collection[UUID]
) -> dict[Any, Figures]:
    """Counts of whole departments need sight of conversations that nobody may read one by one; only sums leave here."""
    with tenant_scope(tenant_id):
        counted = count_messages(tenant_id=tenant_id, start=start, end=end, departments=departments)
    key_of = _key_of(query.group_by, start)
    found: dict[Any, Figures] = {}
    for one in counted:
        if query.assistant_id in (None, one.assistant_id):
            key = key_of(one)
            found[key] = found.get(key, NOTHING) + one.figures
    return found


def _key_of(group_by: GroupBy, start: datetime) -> Callable[[Counted], Any]:
    keys: Mapping[GroupBy, Callable[[Counted], Any]] = {
        "hour": lambda one: one.hour,
        "day": lambda one: timezone.localtime(max(one.hour, start)).date(),
        "department": lambda one: one.department_id,
        "assistant": lambda one: one.assistant_id,
        "model": lambda one: one.model,
    }
    return keys[group_by]


def _text(key: Any) -> str:
    if isinstance(key, datetime):
        return key.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return "" if key is None else str(key)


def _labels(tenant_id: UUID, group_by: GroupBy) -> dict[str, str]:
    models: Mapping[GroupBy, type[Department | Assistant]] = {
        "department": Department,
        "assistant": Assistant,
    }
    if group_by not in models:
        return {}
    rows = models[group_by]._default_manager.filter(tenant_id=tenant_id).values_list("id", "name")
    return {str(id_): name for id_, name in rows}

"""Reading the ledger: single requests, and what many of them cost together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from controlplane.core.models import first_id
from controlplane.identity.principal import Principal
from controlplane.metering.models import LedgerEntry
from controlplane.metering.spans import DAY, HOUR, GroupBy, UsageQuery, hour_of, midnight
from controlplane.tenants.models import Department

_WHERE = """
WHERE tenant_id = %(tenant)s AND id >= {first} AND id < {last} AND department_id = ANY (%(departments)s) AND currency <> ''
"""
# Of the groups of the usage those that are columns of the ledger.
_COLUMNS: Mapping[GroupBy, str] = {"department": "department_id", "model": "deployment"}
_BY_COLUMN = """
SELECT {key}, currency, sum(cost), count(*) FROM metering_ledgerentry {where} GROUP BY 1, 2 ORDER BY 1, 2
"""
# Each time is a range of the index: to group by an expression of the admission would sort every entry of the period.
_BY_TIME = """
SELECT span.n, found.* FROM unnest(%(firsts)s::uuid[], %(lasts)s::uuid[]) WITH ORDINALITY AS span (first, last, n),
LATERAL (SELECT currency, sum(cost), count(*) FROM metering_ledgerentry {where} GROUP BY 1) AS found ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class LedgerQuery:
    """Requests that came from `start` until before `end`. `actor` is `key:<id>` or `user:<id>`, `model` the name that was
    asked for, `deployment` what answered."""

    start: datetime | None = None
    end: datetime | None = None
    department_id: UUID | None = None
    actor: str = ""
    model: str = ""
    deployment: str = ""
    outcome: str = ""

    def described(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)
            for name, value in values.items()
            if value
        }


@dataclass(frozen=True, slots=True)
class CostGroup:
    """What the requests of one hour, day, department or deployment cost in one currency; those without a price are in none."""

    key: Any
    currency: str
    cost: Decimal
    requests: int


def ledger_entries(*, principal: Principal, query: LedgerQuery) -> QuerySet[LedgerEntry]:
    """Newest first, of the departments that the principal administers.

    The period is looked up by the id, which is made at the admission, so that one index serves it and the order.
    """
    entries = LedgerEntry.objects.filter(tenant_id=principal.tenant).order_by("-id")
    if query.department_id is not None:
        among = principal.admin_departments & {query.department_id}
        entries = entries.filter(department_id=next(iter(among))) if among else entries.none()
    elif not principal.is_admin:
        entries = entries.filter(department_id__in=principal.admin_departments)
    if query.start:
        entries = entries.filter(pk__gte=first_id(at=query.start))
    if query.end:
        entries = entries.filter(pk__lt=first_id(at=query.end))
    given = {
        name: value for name in ("actor", "model", "deployment", "outcome") if (value := getattr(query, name))
    }
    return entries.filter(**given)


def department_names(*, tenant_id: UUID) -> dict[UUID, str]:
    """All of the organisation."""
    return dict(Department.objects.filter(tenant_id=tenant_id).values_list("pk", "name"))


def cost_groups(*, principal: Principal, query: UsageQuery) -> list[CostGroup]:
    """Of the departments that the principal reviews, as the usage is; none by assistant, which the ledger does not know."""
    departments = principal.review_departments
    if query.department_id:
        departments &= {query.department_id}
    values: dict[str, Any] = {"tenant": principal.tenant, "departments": list(departments)}
    if query.assistant_id is not None or query.group_by == "assistant":
        return []
    if query.group_by in _COLUMNS:
        where = _WHERE.format(first="%(first)s", last="%(last)s")
        values |= {"first": first_id(at=query.start), "last": first_id(at=query.end)}
        rows = _read(_BY_COLUMN.format(key=_COLUMNS[query.group_by], where=where), values)
        return [CostGroup(*row) for row in rows]
    times = _times(query)
    values["firsts"] = [first_id(at=at) for at in times]
    values["lasts"] = [*values["firsts"][1:], first_id(at=query.end)]
    rows = _read(_BY_TIME.format(where=_WHERE.format(first="span.first", last="span.last")), values)
    keys = times if query.group_by == "hour" else [timezone.localtime(at).date() for at in times]
    return [CostGroup(keys[n - 1], *rest) for n, *rest in rows]


def _times(query: UsageQuery) -> list[datetime]:
    """Where the hours or local days of the period begin; the first may begin within one."""
    times, at = [], query.start
    while at < query.end:
        times.append(at)
        at = hour_of(at) + HOUR if query.group_by == "hour" else midnight(midnight(at) + DAY + HOUR * 2)
    return times


def _read(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

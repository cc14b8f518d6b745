"""Reading the ledger: single requests, and what many of them cost together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from controlplane.core.models import first_id
from controlplane.identity.principal import Principal
from controlplane.metering.models import LedgerEntry
from controlplane.metering.spans import GroupBy, UsageQuery
from controlplane.tenants.models import Department

# Of the groups of the usage, those that a request of the ledger has.
_COST_KEYS: Mapping[GroupBy, str] = {
    "hour": "date_trunc('hour', admitted_at)",
    "day": "(admitted_at AT TIME ZONE %(zone)s)::date",
    "department": "department_id",
    "model": "deployment",
}
_COSTS = """
SELECT {key}, currency, sum(cost), count(*) FROM metering_ledgerentry
WHERE tenant_id = %(tenant)s AND id >= %(first)s AND id < %(last)s AND department_id = ANY (%(departments)s)
  AND currency <> '' GROUP BY 1, 2 ORDER BY 1, 2
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
    key = _COST_KEYS.get(query.group_by)
    departments = principal.review_departments
    if query.department_id:
        departments &= {query.department_id}
    if key is None or query.assistant_id is not None:
        return []
    values = {
        "tenant": principal.tenant,
        "first": first_id(at=query.start),
        "last": first_id(at=query.end),
        "departments": list(departments),
        "zone": settings.TIME_ZONE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COSTS.format(key=key), values)
        return [CostGroup(*row) for row in cursor.fetchall()]

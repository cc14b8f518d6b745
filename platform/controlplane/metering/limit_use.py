"""How much of the limits is used at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F, Sum
from django.utils import timezone

from controlplane.core.models import first_id
from controlplane.core.scope import tenant_scope
from controlplane.metering.models import LedgerEntry
from inference.admission import under_way

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Use:
    """`requests`, `tokens`: of the requests that came in the last minute and have ended. `at_once`: answered or waiting now,
    where there is a limit. None while the gateways cannot be asked."""

    requests: int = 0
    tokens: int = 0
    at_once: int | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True)
class LimitUse:
    organisation: Use
    departments: Mapping[UUID, Use] = field(default_factory=dict)

    def of(self, department_id: UUID) -> Use:
        return self.departments.get(department_id, Use())


def limit_use(*, tenant_id: UUID, department_ids: frozenset[UUID]) -> LimitUse:
    """Of the organisation and these departments, for its administrators. One query, and one word of Valkey's."""
    counted = _last_minute(tenant_id)
    now = under_way(url=settings.ENV.cache_url.get_secret_value())

    def at_once(member: UUID) -> int | None:
        return None if now is None else now.in_flight.get(str(member), 0)

    return LimitUse(
        organisation=Use(
            requests=sum(requests for requests, _tokens in counted.values()),
            tokens=sum(tokens for _requests, tokens in counted.values()),
            at_once=at_once(tenant_id),
            waiting=None if now is None else now.waiting.get(str(tenant_id), 0),
        ),
        departments={id_: Use(*counted.get(id_, (0, 0)), at_once(id_)) for id_ in department_ids},
    )


def _last_minute(tenant_id: UUID) -> dict[UUID, tuple[int, int]]:
    """Requests and tokens by department. What was refused at the door counts for no limit."""
    since = first_id(at=timezone.now() - _MINUTE)
    with tenant_scope(tenant_id):
        rows = (
            LedgerEntry.objects.filter(tenant_id=tenant_id, pk__gte=since)
            .exclude(outcome="rejected")
            .values_list("department_id")
            .annotate(requests=Count("pk"), tokens=Sum(F("prompt_tokens") + F("completion_tokens")))
        )
        return {department: (requests, tokens or 0) for department, requests, tokens in rows}

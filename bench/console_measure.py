"""What a console reads, one page each, and how long the database takes for it."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from controlplane.audit.search import EventQuery, events_found, events_matching
from controlplane.chat.reviews import ReviewFilters, reviewed_conversation_list
from controlplane.chat.selectors import conversation_list, feedback_list
from controlplane.core.scope import Scope, scoped
from controlplane.documents.backlog import documents_by_status, index_backlog
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.selectors import document_list, job_list, knowledge_base_list
from controlplane.identity.models import User
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import api_key_list, principal_of_user
from controlplane.metering.overview import overview
from controlplane.metering.selectors import usage_groups
from controlplane.metering.spans import GroupBy, UsageQuery
from controlplane.tenants.selectors import membership_list

PAGE = 50
ROUNDS = 7
Read = Callable[[], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Measured:
    name: str
    queries: int
    rows: int
    least: float
    p50: float
    most: float


@dataclass(slots=True)
class _Clock:
    """Counts the statements of a transaction and the milliseconds that they took, without those that set its scope."""

    queries: int = 0
    milliseconds: float = 0.0
    statements: list[tuple[float, str, Any]] = field(default_factory=list)

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = (time.perf_counter() - started) * 1000
            text = str(sql)
            if "set_config" not in text and "SAVEPOINT" not in text:
                self.queries += 1
                self.milliseconds += took
                self.statements.append((took, text, params))


def administrator(*, tenant: str) -> Principal:
    email = f"admin@{tenant}.example"
    with scoped(Scope(login_email=email, platform=True)):
        user = User.objects.get(email=email)
    return principal_of_user(user=user)


def measure(*, tenant: str, explain_from: float | None) -> Iterator[Measured]:
    principal = administrator(tenant=tenant)
    with scoped(principal.scope()):
        reads = _reads(principal)
    for name, read in reads.items():
        clocks, rows = [], 0
        for _ in range(ROUNDS + 1):
            clock = _Clock()
            with scoped(principal.scope()), connection.execute_wrapper(clock):
                rows = len(read())
            clocks.append(clock)
        times = [clock.milliseconds for clock in clocks[1:]]  # the first fills the caches
        if explain_from is not None and statistics.median(times) > explain_from:
            _explain(principal, clocks[-1])
        yield Measured(name, clocks[-1].queries, rows, min(times), statistics.median(times), max(times))


def _explain(principal: Principal, clock: _Clock) -> None:
    _took, sql, params = max(clock.statements, key=lambda statement: statement[0])
    with scoped(principal.scope()), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", params)
        print("\n".join(row[0] for row in cursor.fetchall()))


def _page(queryset: Any, order: str = "-id") -> list[Any]:
    """As the pagination takes it: one more than a page."""
    return list(queryset.order_by(order)[: PAGE + 1])


def _reads(principal: Principal) -> dict[str, Read]:
    return _figures(principal) | _knowledge(principal) | _people(principal) | _trail(principal)


def _figures(principal: Principal) -> dict[str, Read]:
    now = timezone.now()

    def usage(group_by: GroupBy, days: int = 30) -> Read:
        query = UsageQuery(now - timedelta(days=days), now, group_by)
        return lambda: usage_groups(principal=principal, query=query)

    return {
        "overview": lambda: overview(principal=principal, now=now).figures,
        "documents by state": lambda: list(documents_by_status(tenant_id=principal.tenant)),
        "index backlog": lambda: [index_backlog(tenant_id=principal.tenant, now=now)],
        "usage by day, 30 days": usage("day"),
        "usage by hour, 7 days": usage("hour", 7),
        "usage by assistant, 30 days": usage("assistant"),
        "usage by department, 30 days": usage("department"),
    }


def _knowledge(principal: Principal) -> dict[str, Read]:
    own: dict[str, Any] = {"tenant_id": principal.tenant}
    largest = KnowledgeBase.objects.filter(**own).order_by("id")[0].pk
    return {
        "knowledge bases": lambda: _page(knowledge_base_list(**own)),
        "documents": lambda: _page(document_list(**own)),
        "documents of the largest base": lambda: _page(document_list(**own, base_id=largest)),
        "documents of a base that failed": lambda: _page(
            document_list(**own, base_id=largest, statuses=["failed"])
        ),
        "documents of a base by name": lambda: _page(document_list(**own, base_id=largest, text="管理 2024")),
        "documents that failed": lambda: _page(document_list(**own, statuses=["failed"])),
        "jobs": lambda: _page(job_list(**own)),
        "jobs that failed": lambda: _page(job_list(**own, status="failed")),
        "jobs that wait": lambda: _page(job_list(**own, status="queued")),
        "jobs of the largest base": lambda: _page(job_list(**own, base_id=largest)),
    }


def _people(principal: Principal) -> dict[str, Read]:
    return {
        "own conversations": lambda: _page(conversation_list(principal=principal)),
        "conversations under review": lambda: _page(
            reviewed_conversation_list(principal=principal, filters=ReviewFilters())
        ),
        "conversations that were refused": lambda: _page(
            reviewed_conversation_list(principal=principal, filters=ReviewFilters(status="refused"))
        ),
        "feedback": lambda: _page(feedback_list(principal=principal)),
        "thumbs down that are open": lambda: _page(
            feedback_list(principal=principal, status="open", rating="down")
        ),
        "members": lambda: _page(membership_list(tenant_id=principal.tenant)),
        "keys": lambda: _page(api_key_list(principal=principal)),
    }


def _trail(principal: Principal) -> dict[str, Read]:
    tenant_id = principal.tenant
    some = events_matching(tenant_id=tenant_id, query=EventQuery(action="question.asked"))
    event = some.filter(sequence__lt=1000)[0]
    newest = some[0]

    def listed(**filters: Any) -> Read:
        return lambda: _page(events_matching(tenant_id=tenant_id, query=EventQuery(**filters)), "-sequence")

    def found(text: str, **filters: Any) -> Read:
        query = EventQuery(text=text, **filters)
        return lambda: events_found(tenant_id=tenant_id, query=query, before=None, limit=PAGE).events

    old = {"start": event.at, "end": event.at + timedelta(seconds=1)}
    return {
        "audit events": listed(),
        "audit events of an action": listed(action="answer.refused"),
        "audit events of actions by prefix": listed(action="answer.*"),
        "audit events of an actor": listed(actor=event.actor),
        "audit events of a target": listed(target=event.target),
        "audit events of a conversation": listed(conversation=event.data["conversation"]),
        "audit events of an old second": listed(**old),
        "audit events of an old second and an action": listed(**old, action="document.uploaded"),
        "audit events up to an old second": listed(end=event.at),
        "audit events with a common word": found("抵押贷款"),
        "audit events with a word that none has": found("zzqq"),
        "audit events of an actor with such a word": found("zzqq", actor=newest.actor),
    }

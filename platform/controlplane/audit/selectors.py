"""Reading and verifying the trail."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from controlplane.audit.chain import GENESIS, Break, Link, Verification
from controlplane.audit.models import AuditEvent

_LINKS = """
SELECT tenant_id, sequence, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       actor, action, target, data::text, previous_hash, hash
FROM audit_auditevent WHERE tenant_id = %s AND sequence > %s ORDER BY sequence LIMIT %s
"""
_BATCH = 5000


def event_list(
    *, tenant_id: UUID, action: str = "", actor: str = "", target: str = ""
) -> QuerySet[AuditEvent]:
    filters = {k: v for k, v in {"action": action, "actor": actor, "target": target}.items() if v}
    return AuditEvent.objects.filter(tenant_id=tenant_id, **filters).order_by("-id")


def verify(*, tenant_id: UUID) -> Verification:
    """Recompute the chain from its first link to its head. The scope must be this tenant's."""
    expected, previous, count = 1, GENESIS, 0
    for link in _links(tenant_id):
        if reason := _fault(link, expected, previous):
            return Verification(count, Break(expected, reason))
        expected, previous, count = expected + 1, link.hash, count + 1
    head = _head(tenant_id)
    if head != (count, previous if count else None):
        return Verification(
            count, Break(expected, f"the head of the chain is at {head[0]}, the last event at {count}")
        )
    return Verification(count, None)


def _fault(link: Link, expected: int, previous: str) -> str:
    if link.sequence != expected:
        return f"event {expected} is missing"
    if link.previous_hash != previous:
        return "it does not follow from the event before it"
    if link.hash != link.computed_hash():
        return "its content was changed"
    return ""


def _links(tenant_id: UUID) -> Iterator[Link]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LINKS, [tenant_id, last, _BATCH])
            rows = cursor.fetchall()
        yield from (Link(*row) for row in rows)
        if len(rows) < _BATCH:
            return
        last = rows[-1][1]


def _head(tenant_id: UUID) -> tuple[int, str | None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequence, hash FROM audit_head WHERE tenant_id = %s", [tenant_id])
        row = cursor.fetchone()
    return (row[0], row[1]) if row else (0, None)

"""Reading and verifying the trail."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from controlplane.audit.chain import GENESIS, PLATFORM_CHAIN, Break, Link, Verification
from controlplane.audit.models import AuditEvent

_LINKS = """
SELECT tenant_id, sequence, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       actor, action, target, data::text, previous_hash, hash
FROM audit_auditevent WHERE tenant_id = %s AND sequence > %s AND sequence <= %s ORDER BY sequence LIMIT %s
"""
# One statement, so one moment: the trigger writes an event and its head together.
_HEAD = """
SELECT h.sequence, h.hash, (SELECT max(e.sequence) FROM audit_auditevent e WHERE e.tenant_id = h.tenant_id)
FROM audit_head h WHERE h.tenant_id = %s
"""
_BATCH = 5000


def event_list(
    *, tenant_id: UUID, action: str = "", actor: str = "", target: str = ""
) -> QuerySet[AuditEvent]:
    """Newest first. A filter that ends in `*` is a prefix: `answer.*`, `document:*`."""
    events = AuditEvent.objects.filter(tenant_id=tenant_id)
    for name, value in (("action", action), ("actor", actor), ("target", target)):
        if value:
            events = events.filter(**_matching(name, value))
    return events.order_by("-sequence")


def _matching(name: str, value: str) -> dict[str, str]:
    """LIKE may not use an index under row-level security; comparisons may."""
    prefix = value.removesuffix("*")
    if not value.endswith("*") or not prefix:
        return {name: value} if prefix else {}
    return {f"{name}__gte": prefix, f"{name}__lt": prefix[:-1] + chr(ord(prefix[-1]) + 1)}


def verify(*, tenant_id: UUID) -> Verification:
    """Recompute the chain from its first link to its head. The scope must be this tenant's.

    The head is read first: events that are written meanwhile come after it and are left to the next verification.
    """
    head = _head(tenant_id)
    if head is None and tenant_id == PLATFORM_CHAIN:  # nothing has happened yet
        return Verification(0, None)
    if head is None:  # a tenant's own making is its first event
        return Verification(0, Break(1, "the chain is missing"))
    expected, previous = 1, GENESIS
    for link in _links(tenant_id, head.sequence):
        if reason := _fault(link, expected, previous):
            return Verification(expected - 1, Break(expected, reason))
        expected, previous = expected + 1, link.hash
    count = expected - 1
    if (count, previous) != (head.sequence, head.hash):
        where = f"the head of the chain is at {head.sequence}, the last event at {count}"
        reason = (
            where if count != head.sequence else "the head of the chain does not follow from the last event"
        )
        return Verification(count, Break(expected, reason))
    if head.latest != count:
        return Verification(count, Break(expected, f"event {head.latest} stands after the head of the chain"))
    return Verification(count, None)


def _fault(link: Link, expected: int, previous: str) -> str:
    if link.sequence != expected:
        return f"event {expected} is missing"
    if link.previous_hash != previous:
        return "it does not follow from the event before it"
    if link.hash != link.computed_hash():
        return "its content was changed"
    return ""


def _links(tenant_id: UUID, until: int) -> Iterator[Link]:
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LINKS, [tenant_id, last, until, _BATCH])
            rows = cursor.fetchall()
        yield from (Link(*row) for row in rows)
        if len(rows) < _BATCH:
            return
        last = rows[-1][1]


@dataclass(frozen=True, slots=True)
class _Head:
    """Where the chain ends by its own account, and the highest sequence there was at that moment."""

    sequence: int
    hash: str
    latest: int | None


def _head(tenant_id: UUID) -> _Head | None:
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [tenant_id])
        row = cursor.fetchone()
    return _Head(*row) if row else None

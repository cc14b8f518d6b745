"""Reading and verifying the trail."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, slots=True)
class VerificationProgress:
    """How far a chain has been recomputed: `checked` links, the last of which has the hash `previous`.

    The head is the one of the beginning: events that are written meanwhile are left to the next verification.
    """

    head: "ChainHead"
    checked: int = 0
    previous: str = GENESIS
    first_break: Break | None = None
    is_done: bool = False


def verify(*, tenant_id: UUID) -> Verification:
    """Recompute the chain from its first link to its head. The scope must be this tenant's."""
    progress = verification_begin(tenant_id=tenant_id)
    while not progress.is_done:
        progress = verification_step(tenant_id=tenant_id, progress=progress)
    return Verification(progress.checked, progress.first_break)


def verification_begin(*, tenant_id: UUID) -> VerificationProgress:
    """With nothing checked yet; done already where there is no chain."""
    head = chain_head(tenant_id=tenant_id)
    if head is not None:
        return VerificationProgress(head)
    # A tenant's own making is its first event; in the platform's chain nothing may have happened yet.
    missing = None if tenant_id == PLATFORM_CHAIN else Break(1, "the chain is missing")
    return VerificationProgress(ChainHead(0, GENESIS, None), first_break=missing, is_done=True)


def verification_step(
    *, tenant_id: UUID, progress: VerificationProgress, most: int = 8_000
) -> VerificationProgress:
    """Some links more. About a tenth of a second for 8,000."""
    head, checked, previous = progress.head, progress.checked, progress.previous
    until = min(head.sequence, checked + most)
    for link in _links(tenant_id, checked, until):
        if reason := _fault(link, checked + 1, previous):
            return replace(
                progress,
                checked=checked,
                previous=previous,
                first_break=Break(checked + 1, reason),
                is_done=True,
            )
        checked, previous = checked + 1, link.hash
    found = replace(progress, checked=checked, previous=previous)
    if checked == until < head.sequence:
        return found
    reason = _fault_at_end(head, checked, previous)
    return replace(found, first_break=Break(checked + 1, reason) if reason else None, is_done=True)


def _fault_at_end(head: "ChainHead", checked: int, previous: str) -> str:
    if checked != head.sequence:
        return f"the head of the chain is at {head.sequence}, the last event at {checked}"
    if previous != head.hash:
        return "the head of the chain does not follow from the last event"
    if head.latest != checked:
        return f"event {head.latest} stands after the head of the chain"
    return ""


def _fault(link: Link, expected: int, previous: str) -> str:
    if link.sequence != expected:
        return f"event {expected} is missing"
    if link.previous_hash != previous:
        return "it does not follow from the event before it"
    if link.hash != link.computed_hash():
        return "its content was changed"
    return ""


def _links(tenant_id: UUID, last: int, until: int) -> Iterator[Link]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LINKS, [tenant_id, last, until, _BATCH])
            rows = cursor.fetchall()
        yield from (Link(*row) for row in rows)
        if len(rows) < _BATCH:
            return
        last = rows[-1][1]


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Where the chain ends by its own account, and the highest sequence there was at that moment."""

    sequence: int
    hash: str
    latest: int | None


def chain_head(*, tenant_id: UUID) -> ChainHead | None:
    """None for a chain without events."""
    with connection.cursor() as cursor:
        cursor.execute(_HEAD, [tenant_id])
        row = cursor.fetchone()
    return ChainHead(*row) if row else None

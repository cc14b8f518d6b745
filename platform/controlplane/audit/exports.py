"""The trail as rows of a file."""

import json
from collections.abc import Sequence
from uuid import UUID

from controlplane.audit.models import AuditEvent
from controlplane.audit.search import EventQuery, events_matching
from controlplane.core.csv_export import Block, Cell

HEADER = ("sequence", "at", "actor", "action", "target", "data", "previous_hash", "hash")
_AT_ONCE = 2_000


def exported_block(*, tenant_id: UUID, query: EventQuery, before: int | None) -> Block[int]:
    """The next rows, newest first, from the event before `before` on."""
    events = events_matching(tenant_id=tenant_id, query=query)
    if before is not None:
        events = events.filter(sequence__lt=before)
    found = list(events[:_AT_ONCE])
    return Block([_row(event) for event in found], found[-1].sequence if len(found) == _AT_ONCE else None)


def _row(event: AuditEvent) -> Sequence[Cell]:
    at, data = event.at.isoformat(), json.dumps(event.data, ensure_ascii=False)
    return (
        event.sequence,
        at,
        event.actor,
        event.action,
        event.target,
        data,
        event.previous_hash,
        event.hash,
    )

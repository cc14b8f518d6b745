"""Taking what processes have noted of their requests into the database: each request once, whatever was killed in between."""

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.db import DataError, transaction

from controlplane.audit.services import record
from controlplane.core.scope import tenant_scope
from controlplane.metering.entries import Entry
from controlplane.metering.journal import JournalReader, abandoned_slots, journals
from controlplane.metering.models import LedgerEntry
from controlplane.serving.price_selectors import PriceList, price_list
from controlplane.tenants.models import Department

log = logging.getLogger(__name__)

_AT_ONCE = 500
_UNREADABLE = "unreadable.jsonl"


def ledger_take_all(*, directory: Path) -> int:
    """All that is in the journals below the directory; the number of entries that were new.

    One process at a time may do it. Raises OperationalError without a database: then it is done later, and nothing is lost.
    """
    return sum(_take_journal(path) for path in journals(directory=directory))


def ledger_take(*, entries: Sequence[Entry]) -> int:
    """Write entries, with an audit event each where nobody else writes it; the number of new ones.

    Those that are there already are left alone.
    """
    by_tenant: dict[UUID, dict[UUID, Entry]] = defaultdict(dict)
    for entry in entries:
        by_tenant[entry.admission.tenant_id].setdefault(entry.admission.id, entry)
    with transaction.atomic():
        return sum(
            _take_of(tenant_id, list(found.values())) for tenant_id, found in sorted(by_tenant.items())
        )


def _take_journal(path: Path) -> int:
    reader, taken = JournalReader(path=path), 0
    abandoned = reader.is_abandoned()
    while part := reader.read(most=_AT_ONCE):
        taken += _take_notes(path, part.entries)
        reader.done(part)
    if abandoned:
        cut_off = [Entry.interrupted(note, counters) for note, counters in abandoned_slots(path=path)]
        taken += ledger_take(entries=cut_off)
        if cut_off:
            log.warning("%s requests were cut off with their process (%s)", len(cut_off), path.name)
        reader.remove()
    return taken


def _take_notes(path: Path, notes: Sequence[dict[str, Any]]) -> int:
    try:
        return ledger_take(entries=[Entry.read(note) for note in notes])
    except (DataError, LookupError, TypeError, ValueError):
        if len(notes) > 1:
            return sum(_take_notes(path, [note]) for note in notes)
        # One that no database takes must not hold up all others: it is put where an operator finds it.
        log.exception("an entry cannot be recorded, see %s", path.parent / _UNREADABLE)
        with (path.parent / _UNREADABLE).open("ab") as file:
            file.write(orjson.dumps(notes[0]) + b"\n")
        return 0


def _take_of(tenant_id: UUID, entries: Sequence[Entry]) -> int:
    with tenant_scope(tenant_id):
        departments = {row.pk: row for row in Department.objects.filter(tenant_id=tenant_id)}
        root = next((row.pk for row in departments.values() if row.parent_id is None), None)
        if root is None:
            log.warning("%s entries of an organisation that is gone", len(entries))
            return 0
        ids = [entry.admission.id for entry in entries]
        known = set(LedgerEntry.objects.filter(tenant_id=tenant_id, pk__in=ids).values_list("pk", flat=True))
        new = [entry for entry in entries if entry.admission.id not in known]
        prices = price_list() if new else PriceList(())
        rows = [_row(entry, _place(entry, departments, root), prices) for entry in new]
        LedgerEntry.objects.bulk_create(rows, batch_size=_AT_ONCE)
        for entry, row in zip(new, rows, strict=True):
            if not entry.admission.is_audited:
                _record(row)
        return len(rows)


def _place(entry: Entry, departments: Collection[UUID], root: UUID) -> UUID:
    """The department that it is counted with: the root, where its own is gone or where it has none."""
    own = entry.admission.department_id
    return own if own is not None and own in departments else root


def _row(entry: Entry, department_id: UUID, prices: PriceList) -> LedgerEntry:
    admission, ending = entry.admission, entry.ending
    given: dict[str, Any] = {name: getattr(ending, name) for name in ending.__slots__} | _costed(
        entry, prices
    )
    return LedgerEntry(
        id=admission.id,
        tenant_id=admission.tenant_id,
        department_id=department_id,
        actor=admission.actor,
        end_user=admission.end_user,
        call=admission.call,
        model=admission.model,
        route=admission.route,
        route_reason=admission.route_reason,
        is_streamed=admission.is_streamed,
        admitted_at=admission.admitted_at,
        **given,
    )


def _costed(entry: Entry, prices: PriceList) -> dict[str, Any]:
    """What the engine counted, whatever became of the answer, at the prices of the admission: of that moment, not of this."""
    ending = entry.ending
    is_used = bool(ending.prompt_tokens or ending.completion_tokens)
    if ending.outcome == "rejected" or not (ending.deployment or is_used):
        return {"cost": Decimal(0)}
    price = prices.price_at(model=ending.deployment, at=entry.admission.admitted_at)
    if price is None:
        return {}
    cost = price.cost(
        prompt_tokens=ending.prompt_tokens,
        cached_tokens=ending.cached_tokens,
        completion_tokens=ending.completion_tokens,
    )
    return {"cost": cost, "currency": price.currency, "price_rule": price.rule}


def _record(row: LedgerEntry) -> None:
    record(
        tenant_id=row.tenant_id,
        actor=row.actor,
        action=f"answer.{row.outcome}",
        target=f"completion:{row.pk}",
        asked_at=row.admitted_at.isoformat(),
        call=row.call,
        model=row.model,
        engine=row.deployment,
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        **({"route": row.route, "route_reason": row.route_reason} if row.route else {}),
        **({"reason": row.code} if row.code else {}),
    )

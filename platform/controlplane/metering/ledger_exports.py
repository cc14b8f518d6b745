"""The ledger as rows of a file, a block at a time; that it was taken out is an event of the trail."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse

from controlplane.audit.services import record
from controlplane.core.csv_export import Block, Cell, csv_response
from controlplane.core.scope import scoped
from controlplane.identity.principal import Principal
from controlplane.metering.ledger_lists import LedgerQuery, department_names, ledger_entries
from controlplane.metering.ledger_serializers import LedgerEntrySerializer

HEADER = tuple(LedgerEntrySerializer.Meta.fields)
_AT_ONCE = 2_000


def ledger_csv(*, request: HttpRequest, principal: Principal, query: LedgerQuery) -> StreamingHttpResponse:
    """Everything that the query chooses, newest first."""
    ledger_export_note(principal=principal, query=query)
    with scoped(principal.scope()):
        names = department_names(tenant_id=principal.tenant)

    def read(before: UUID | None) -> Block[UUID]:
        with scoped(principal.scope()):
            return _block(principal, query, before, names)

    return csv_response(request=request, filename="requests.csv", header=HEADER, read=read)


@transaction.atomic
def ledger_export_note(*, principal: Principal, query: LedgerQuery) -> None:
    """That requests left the platform, and which."""
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="ledger.exported",
        target=f"tenant:{principal.tenant}",
        **query.described(),
    )


def _block(
    principal: Principal, query: LedgerQuery, before: UUID | None, names: Mapping[UUID, str]
) -> Block[UUID]:
    entries = ledger_entries(principal=principal, query=query)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    found = list(entries[:_AT_ONCE])
    rows = LedgerEntrySerializer(found, many=True, context={"departments": names}).data
    cells: list[list[Cell]] = [[row[name] for name in HEADER] for row in rows]
    return Block(cells, found[-1].pk if len(found) == _AT_ONCE else None)

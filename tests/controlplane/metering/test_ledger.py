"""From the journal to the ledger: each request once, whoever is killed, whatever is gone meanwhile."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from controlplane.audit.models import AuditEvent
from controlplane.core.models import new_id
from controlplane.core.scope import scoped, tenant_scope
from controlplane.identity.models import KeyScope
from controlplane.metering.entries import Admission, Ending, Entry
from controlplane.metering.journal import Journal
from controlplane.metering.journal.slots import Counters
from controlplane.metering.ledger import ledger_take, ledger_take_all
from controlplane.metering.models import LedgerEntry
from tests.controlplane.organisations import Organisation

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def admission(organisation: Organisation, **changes: Any) -> Admission:
    given: dict[str, Any] = {
        "id": new_id(),
        "tenant_id": organisation.tenant.pk,
        "department_id": organisation.finance.pk,
        "actor": "key:1",
        "end_user": "erp",
        "call": "chat/completions",
        "model": "reasoner",
        "is_streamed": True,
        "admitted_at": NOON,
    }
    return Admission(**(given | changes))


def ending(**changes: Any) -> Ending:
    given: dict[str, Any] = {
        "outcome": "given",
        "deployment": "deepseek-r1",
        "prompt_tokens": 7,
        "cached_tokens": 4,
        "completion_tokens": 3,
        "reasoning_tokens": 1,
        "first_token_ms": 250,
        "total_ms": 900,
    }
    return Ending(**(given | changes))


def rows(organisation: Organisation) -> list[LedgerEntry]:
    with tenant_scope(organisation.tenant.pk):
        return list(LedgerEntry.objects.order_by("id"))


def events(organisation: Organisation) -> list[AuditEvent]:
    with tenant_scope(organisation.tenant.pk):
        found = AuditEvent.objects.filter(tenant_id=organisation.tenant.pk, target__startswith="completion:")
        return list(found.order_by("sequence"))


def test_an_entry_is_written_as_it_was_noted(organisation: Organisation) -> None:
    noted = admission(organisation)
    entry = Entry.read({**noted.noted(), **ending().noted()})
    assert entry == Entry(noted, ending())
    assert ledger_take(entries=[entry]) == 1
    [row] = rows(organisation)
    assert (row.pk, row.department_id, row.actor, row.end_user) == (
        noted.id,
        organisation.finance.pk,
        "key:1",
        "erp",
    )
    assert (row.model, row.deployment, row.call, row.is_streamed) == (
        "reasoner",
        "deepseek-r1",
        "chat/completions",
        True,
    )
    assert (row.prompt_tokens, row.cached_tokens, row.completion_tokens, row.reasoning_tokens) == (7, 4, 3, 1)
    assert (row.first_token_ms, row.total_ms, row.queue_ms, row.admitted_at) == (250, 900, 0, NOON)
    assert (row.outcome, row.code, row.is_estimated) == ("given", "", False)
    [event] = events(organisation)
    assert (event.action, event.actor, event.target) == ("answer.given", "key:1", f"completion:{noted.id}")
    assert event.data["completion_tokens"] == 3


def test_taken_twice_is_taken_once(organisation: Organisation) -> None:
    first, second = (Entry(admission(organisation), ending()) for _ in range(2))
    assert ledger_take(entries=[first]) == 1
    assert ledger_take(entries=[first, second, second]) == 1
    assert len(rows(organisation)) == len(events(organisation)) == 2


def test_a_note_and_the_slot_that_a_kill_left_beside_it_are_one_request(organisation: Organisation) -> None:
    note = admission(organisation).noted()
    whole = Entry.read({**note, **ending().noted()})
    ledger_take(entries=[whole, Entry.interrupted(note, Counters(pieces=2))])
    [row] = rows(organisation)
    assert row.outcome == "given"


@pytest.mark.parametrize(
    ("counters", "completion", "estimated", "first"),
    [
        (Counters(7, 4, 3, 1, 9, 250), 3, False, 250),
        (Counters(pieces=5, first_token_ms=80), 5, True, 80),
        (Counters(), 0, True, None),
    ],
)
def test_what_had_come_of_an_interrupted_answer_counts(
    organisation: Organisation, counters: Counters, completion: int, estimated: bool, first: int | None
) -> None:
    note = admission(organisation).noted() | {"deployment": "deepseek-r1"}
    ledger_take(entries=[Entry.interrupted(note, counters)])
    [row] = rows(organisation)
    assert (row.outcome, row.code, row.deployment) == ("interrupted", "gateway_interrupted", "deepseek-r1")
    assert (row.completion_tokens, row.is_estimated, row.first_token_ms, row.total_ms) == (
        completion,
        estimated,
        first,
        None,
    )


def test_departments_that_are_gone_and_people_count_with_the_root(organisation: Organisation) -> None:
    for department_id in (uuid4(), None):
        ledger_take(entries=[Entry(admission(organisation, department_id=department_id), ending())])
    assert [row.department_id for row in rows(organisation)] == [organisation.root.pk] * 2


def test_an_organisation_that_is_gone_holds_nothing_up(organisation: Organisation) -> None:
    gone = Entry(admission(organisation, tenant_id=uuid4()), ending())
    assert ledger_take(entries=[gone, Entry(admission(organisation), ending())]) == 1


def test_hostile_names_and_counts_are_stored(organisation: Organisation) -> None:
    noted = admission(organisation, model="m\x00" + "模" * 500, end_user="\x00" * 300).noted()
    told = ending(completion_tokens=2**62, prompt_tokens=-5, deployment="d\x00" * 200).noted()
    assert ledger_take(entries=[Entry.read({**noted, **told})]) == 1
    [row] = rows(organisation)
    assert (row.model, row.end_user) == ("m" + "模" * 198, "")
    assert (row.completion_tokens, row.prompt_tokens, len(row.deployment)) == (2**31 - 1, 0, 100)


def test_one_that_cannot_be_read_holds_nothing_up(
    committed_organisation: Organisation, tmp_path: Path
) -> None:
    journal = Journal(directory=tmp_path)
    good = admission(committed_organisation)
    journal.append({"id": "nonsense"})
    journal.append({**good.noted(), **ending().noted()})
    journal.append({**good.noted(), **ending().noted(), "id": new_id().hex, "code": "x" * 65})
    assert ledger_take_all(directory=tmp_path) == 1
    assert [row.pk for row in rows(committed_organisation)] == [good.id]
    assert len((tmp_path / "unreadable.jsonl").read_bytes().splitlines()) == 2
    assert ledger_take_all(directory=tmp_path) == 0
    journal.close()


def test_nobody_changes_or_removes_what_is_written(organisation: Organisation) -> None:
    ledger_take(entries=[Entry(admission(organisation), ending())])
    for change in (
        "UPDATE metering_ledgerentry SET completion_tokens = 0",
        "DELETE FROM metering_ledgerentry",
    ):
        with (
            pytest.raises(ProgrammingError),
            tenant_scope(organisation.tenant.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute(change)
    assert [row.completion_tokens for row in rows(organisation)] == [3]


def test_reviewers_of_the_department_read_it_and_nobody_writes(organisation: Organisation) -> None:
    ledger_take(entries=[Entry(admission(organisation), ending())])
    reviewer = organisation.key(organisation.finance, *KeyScope.values).principal
    stranger = organisation.key(organisation.energy, *KeyScope.values).principal
    member = organisation.key(organisation.finance).principal
    for principal, seen in ((reviewer, 1), (stranger, 0), (member, 0)):
        with scoped(principal.scope()):
            assert LedgerEntry.objects.count() == seen
            forged = LedgerEntry(**_fields(rows_of_reviewer=reviewer, organisation=organisation))
            with pytest.raises(ProgrammingError), transaction.atomic():
                forged.save(force_insert=True)


def _fields(*, rows_of_reviewer: Any, organisation: Organisation) -> dict[str, Any]:
    with scoped(rows_of_reviewer.scope()):
        [row] = LedgerEntry.objects.values()
    return row | {"id": new_id()}


# Writes requests without a pause until its input is closed, then says how many.
WRITER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4
from controlplane.metering.entries import Admission, Ending
from controlplane.metering.journal import Journal
journal, over, count = Journal(directory=Path(sys.argv[1])), threading.Event(), 0
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.wait(0.002):
    note = Admission(id=uuid4(), tenant_id=UUID(sys.argv[2]), department_id=None, actor="key:1", end_user="", call="c",
                     model="m", is_streamed=False, admitted_at=datetime.now(UTC)).noted()
    journal.admit(note).settle(Ending(outcome="given", completion_tokens=1).noted())
    count += 1
journal.admit(note | {"id": uuid4().hex})
print(count + 1, flush=True)
sys.stdout.close()
import os, signal
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_every_request_counts_once_though_the_ledgers_process_is_killed_again_and_again(
    committed_organisation: Organisation, tmp_path: Path
) -> None:
    directory = tmp_path / "journal"
    environment = os.environ | {"KAREZ_STATE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT / "platform")}
    tenant = str(committed_organisation.tenant.pk)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), tenant],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )
    seen = 0
    for _ in range(3):
        ledger = subprocess.Popen([sys.executable, "manage.py", "ledger"], env=environment, cwd=ROOT)
        deadline = time.monotonic() + 60
        while len(rows(committed_organisation)) <= seen and time.monotonic() < deadline:
            time.sleep(0.01)
        ledger.kill()
        ledger.wait()
        seen = len(rows(committed_organisation))
    output, _nothing = writer.communicate(b"", timeout=60)
    subprocess.run([sys.executable, "manage.py", "ledger", "--once"], env=environment, cwd=ROOT, check=True)
    written = rows(committed_organisation)
    assert len(written) == int(output) > seen > 0
    assert [row.outcome for row in written].count("interrupted") == 1
    assert len(events(committed_organisation)) == len(written)
    assert [path.name for path in directory.iterdir()] == [".ledger"]

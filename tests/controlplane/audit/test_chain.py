"""The audit trail: chained, append-only, and any tampering is found and named."""

import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import IntegrityError, ProgrammingError

from controlplane.audit import selectors
from controlplane.audit.selectors import event_list, verify
from controlplane.audit.services import AuditOutsideTransaction, record
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Role
from tests.controlplane.organisations import Organisation


@pytest.fixture
def superuser(superuser_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(superuser_dsn, autocommit=True) as opened:
        yield opened


def write(organisation: Organisation, count: int) -> None:
    with tenant_scope(organisation.tenant.pk):
        for n in range(count):
            record(
                tenant_id=organisation.tenant.pk,
                actor="system",
                action="test.done",
                target=f"thing:{n}",
                text="渠\x00源“\x1f” \\u0000",
                n=n,
            )


def checked(organisation: Organisation) -> tuple[int, int | None, str]:
    with tenant_scope(organisation.tenant.pk):
        result = verify(tenant_id=organisation.tenant.pk)
    broken = result.first_break
    return result.links, broken.sequence if broken else None, broken.reason if broken else ""


def test_the_chain_of_everything_a_tenant_did_is_intact(organisation: Organisation) -> None:
    write(organisation, 20)
    links, broken, _reason = checked(organisation)
    assert broken is None
    assert links == 20 + 4  # the tenant and its three departments


def test_the_database_shows_the_trail_to_administrators_alone(
    organisation: Organisation, other: Organisation
) -> None:
    """Whatever a view may forget to ask. Everybody goes on writing it."""
    tenant_id = organisation.tenant.pk
    write(organisation, 3)
    people = [
        organisation.member(organisation.root, role, Secrecy.SECRET) for role in (Role.MEMBER, Role.MANAGER)
    ]
    askers = [
        *(principal_of_user(user=person) for person in people),
        organisation.key(organisation.root).principal,
        organisation.key(organisation.root, KeyScope.ADMIN).principal.lent(),
        other.key(other.root, KeyScope.ADMIN).principal,
    ]
    before = checked(organisation)[0]
    for principal in askers:
        with scoped(principal.scope()):
            assert not event_list(tenant_id=tenant_id).exists(), principal.actor
            if principal.tenant_id == tenant_id:
                record(tenant_id=tenant_id, actor=principal.actor, action="test.done")
    assert checked(organisation) == (before + 4, None, "")
    admin = principal_of_user(user=organisation.member(organisation.root, Role.ADMIN))
    with scoped(admin.scope()):
        assert event_list(tenant_id=tenant_id).filter(action="test.done").count() == 7


def test_an_event_outside_a_transaction_is_refused(committed_organisation: Organisation) -> None:
    with pytest.raises(AuditOutsideTransaction):
        record(tenant_id=committed_organisation.tenant.pk, actor="system", action="test.done")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET actor = 'somebody'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
        "UPDATE audit_head SET hash = ''",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head SELECT gen_random_uuid(), 1, ''",
        "ALTER TABLE audit_auditevent DISABLE TRIGGER audit_link",
        "DROP TRIGGER audit_link ON audit_auditevent",
    ],
)
def test_the_application_role_may_only_append(organisation: Organisation, statement: str) -> None:
    with (
        tenant_scope(organisation.tenant.pk),
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert checked(organisation)[1] is None


@pytest.mark.parametrize("column", ["sequence", "at", "previous_hash", "hash", "id"])
def test_what_makes_the_chain_cannot_be_chosen(organisation: Organisation, column: str) -> None:
    value = {"at": "'2000-01-01'", "sequence": "999", "id": "999"}.get(column, "'x'")
    refused(
        organisation,
        f"INSERT INTO audit_auditevent (tenant_id, actor, action, target, data, {column}) "
        f"VALUES ('{organisation.tenant.pk}', 'x', 'y', '', '{{}}', {value})",
        ProgrammingError,
        "permission denied",
    )


def test_a_separator_in_a_field_is_refused(organisation: Organisation) -> None:
    for fields in ("E'a\\x1f', 'b', 'c'", "'a', E'\\x1fb', 'c'", "'a', 'b', E'c\\x1fd'"):
        refused(
            organisation,
            "INSERT INTO audit_auditevent (tenant_id, actor, action, target, data) "
            f"VALUES ('{organisation.tenant.pk}', {fields}, '{{}}')",
            IntegrityError,
            "audit_event_no_separator",
        )


def refused(organisation: Organisation, statement: str, error: type[Exception], words: str) -> None:
    with (
        tenant_scope(organisation.tenant.pk),
        pytest.raises(error, match=words),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert checked(organisation) == (4, None, "")


def test_nobody_writes_in_anothers_name(organisation: Organisation) -> None:
    scope = Scope(tenant_id=organisation.tenant.pk, actor="user:1")
    own = {"tenant_id": organisation.tenant.pk, "action": "test.done"}
    with pytest.raises(ProgrammingError, match="row-level security"), scoped(scope):
        record(**own, actor="user:2")
    with pytest.raises(ProgrammingError, match="row-level security"), scoped(scope):
        record(**own, actor="system")
    with scoped(scope):
        record(**own, actor="user:1")
    assert checked(organisation) == (5, None, "")


@pytest.mark.parametrize(
    ("tampering", "sequence", "reason"),
    [
        (
            "UPDATE audit_auditevent SET data = '{}' WHERE tenant_id = %s AND sequence = 6",
            6,
            "content was changed",
        ),
        (
            "UPDATE audit_auditevent SET actor = 'user:1' WHERE tenant_id = %s AND sequence = 5",
            5,
            "content was changed",
        ),
        ("DELETE FROM audit_auditevent WHERE tenant_id = %s AND sequence = 7", 7, "event 7 is missing"),
        ("DELETE FROM audit_auditevent WHERE tenant_id = %s AND sequence > 8", 9, "head of the chain"),
        (
            (
                "INSERT INTO audit_auditevent (tenant_id, sequence, at, actor, action, target, data, previous_hash, hash) "
                "VALUES (%s, 12, now(), 'system', 'test.done', '', '{}', '', '')"
            ),
            11,
            "event 12 stands after the head of the chain",
        ),
    ],
)
def test_tampering_past_the_application_is_named(
    committed_organisation: Organisation,
    superuser: psycopg.Connection[Any],
    tampering: str,
    sequence: int,
    reason: str,
) -> None:
    organisation = committed_organisation
    write(organisation, 6)
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(tampering, [organisation.tenant.pk])
    links, broken, why = checked(organisation)
    assert broken == sequence
    assert links == sequence - 1
    assert reason in why
    out = StringIO()
    with pytest.raises(CommandError, match=organisation.tenant.slug):
        call_command("audit", "verify", tenant=organisation.tenant.slug, stdout=out)
    assert f"first broken link at event {sequence}" in out.getvalue()


def test_a_trail_that_was_removed_whole_is_missing(
    committed_organisation: Organisation, superuser: psycopg.Connection[Any]
) -> None:
    organisation = committed_organisation
    superuser.execute("DELETE FROM audit_auditevent WHERE tenant_id = %s", [organisation.tenant.pk])
    assert checked(organisation) == (0, 1, "the head of the chain is at 4, the last event at 0")
    superuser.execute("DELETE FROM audit_head WHERE tenant_id = %s", [organisation.tenant.pk])
    assert checked(organisation) == (0, 1, "the chain is missing")


def test_an_event_written_during_the_verification_is_no_break(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It commits after the links were read, which is when an earlier version asked where the head was."""
    organisation = committed_organisation
    write(organisation, 5)
    batches = selectors._links

    def links_then_write(*arguments: Any) -> Iterator[Any]:
        yield from batches(*arguments)
        thread = threading.Thread(target=lambda: (write(organisation, 1), connection.close()))
        thread.start()
        thread.join()

    monkeypatch.setattr(selectors, "_links", links_then_write)
    assert checked(organisation) == (9, None, "")
    assert checked(organisation) == (10, None, "")


def test_a_rewritten_event_with_a_new_hash_breaks_the_next_link(
    committed_organisation: Organisation, superuser: psycopg.Connection[Any]
) -> None:
    organisation = committed_organisation
    write(organisation, 3)
    superuser.execute(
        "UPDATE audit_auditevent SET actor = 'user:1', hash = encode(sha256('x'), 'hex') "
        "WHERE tenant_id = %s AND sequence = 5",
        [organisation.tenant.pk],
    )
    assert checked(organisation)[1] == 5


def test_parallel_writers_make_one_chain(committed_organisation: Organisation) -> None:
    organisation = committed_organisation

    def work() -> None:
        try:
            for _ in range(10):
                write(organisation, 2)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert checked(organisation) == (84, None, "")


def test_an_event_of_a_rolled_back_transaction_leaves_no_gap(organisation: Organisation) -> None:
    with pytest.raises(ZeroDivisionError), tenant_scope(organisation.tenant.pk):
        record(tenant_id=organisation.tenant.pk, actor="system", action="test.done", value=1 // 0)
    write(organisation, 1)
    assert checked(organisation) == (5, None, "")


def test_the_trail_over_rest(organisation: Organisation, other: Organisation) -> None:
    write(organisation, 1)
    admin = organisation.key(organisation.root, *KeyScope.values).client
    events = admin.get("/api/v1/audit-events").json()["results"]
    assert [e["action"] for e in events[:2]] == ["api_key.created", "test.done"]
    assert admin.get("/api/v1/audit-events?action=test.done").json()["results"][0]["data"]["n"] == 0
    assert admin.post("/api/v1/audit-events/verify").json() == {
        "intact": True,
        "links": 6,
        "first_break": None,
    }
    assert admin.post("/api/v1/audit-events", {}, format="json").status_code == 405
    assert organisation.key(organisation.root).client.get("/api/v1/audit-events").status_code == 403
    theirs = other.key(other.root, *KeyScope.values).client.get("/api/v1/audit-events").json()["results"]
    with tenant_scope(other.tenant.pk):
        assert len(theirs) == event_list(tenant_id=other.tenant.pk).count()

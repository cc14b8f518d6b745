"""Attacks every tenant-owned table with raw SQL as the application role. The tables are read from the catalogue: a new
one without a policy fails here without anybody having thought of it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg_pool import ConnectionPool

from tests.controlplane.core import catalogue

# Without a tenant, each for a reason.
GLOBAL = {
    "tenants_tenant": "the tenants themselves; policy of its own",
    "identity_user": "people may belong to several tenants; policy of its own",
    "serving_modeldeployment": "engines serve every tenant; the platform's alone",
    "serving_replica": "the same",
    "serving_replicahealth": "the same",
    "serving_pricebook": "prices are the platform's; policy of its own",
    "django_session": "keys are unguessable and the content is signed",
    "django_migrations": "the schema's history",
    "django_content_type": "names of models",
    "auth_permission": "names of permissions",
    "auth_group": "not used; empty",
    "auth_group_permissions": "not used; empty",
}
WITHOUT_TENANT_BUT_GUARDED = {
    "tenants_tenant",
    "identity_user",
    "serving_modeldeployment",
    "serving_replica",
    "serving_replicahealth",
    "serving_pricebook",
}


@pytest.fixture
def superuser(superuser_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owned(superuser: psycopg.Connection[Any]) -> list[str]:
    return [t.name for t in catalogue.tables(superuser) if t.has_tenant]


@pytest.fixture
def victims(superuser: psycopg.Connection[Any], owned: list[str]) -> Iterator[tuple[UUID, UUID]]:
    """A row in every tenant-owned table for each of two tenants, whose id is also every id in its rows."""
    marks = (uuid4(), uuid4())
    # As a replica, the server checks no foreign keys and runs no triggers: rows can be made without their surroundings.
    superuser.execute("SET session_replication_role = replica")
    for table in owned:
        for mark in marks:
            superuser.execute(*catalogue.insert_statement(superuser, table, mark))
    yield marks
    for table in owned:
        superuser.execute(
            sql.SQL("DELETE FROM {} WHERE tenant_id = ANY (%s)").format(sql.Identifier(table)), [list(marks)]
        )


def content(superuser: psycopg.Connection[Any], table: str, mark: UUID) -> list[str]:
    query = sql.SQL("SELECT t::text FROM {} t WHERE tenant_id = %s ORDER BY 1").format(sql.Identifier(table))
    return [row[0] for row in superuser.execute(query, [mark])]


def open_scope(cursor: psycopg.Cursor[Any], tenant: UUID | None) -> None:
    """The widest sight there is inside one tenant."""
    settings = {
        "app.tenant_id": str(tenant or ""),
        "app.user_id": str(tenant or ""),
        "app.actor": tenant.hex[:11] if tenant else "",
        **{f"app.departments_{level}": f"{{{tenant or ''}}}" for level in range(4)},
        "app.reviews": f"{{{tenant or ''}}}",
        "app.administers": "on",
        "app.unrestricted": "on",
        "app.platform": "on",
    }
    for name, value in settings.items():
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])


def test_every_table_with_a_tenant_has_forced_policies(superuser: psycopg.Connection[Any]) -> None:
    tables = catalogue.tables(superuser)
    unguarded = [t.name for t in tables if t.has_tenant and not (t.enabled and t.forced and t.policies)]
    assert unguarded == []
    assert sum(t.has_tenant for t in tables) >= 18


def test_tables_without_a_tenant_are_known(superuser: psycopg.Connection[Any]) -> None:
    tables = catalogue.tables(superuser)
    assert {t.name for t in tables if not t.has_tenant} <= set(GLOBAL)
    guarded = {t.name for t in tables if t.forced and not t.has_tenant}
    assert guarded == WITHOUT_TENANT_BUT_GUARDED


def test_foreign_keys_between_tenant_tables_include_the_tenant(superuser: psycopg.Connection[Any]) -> None:
    owned = {t.name for t in catalogue.tables(superuser) if t.has_tenant}
    loose = [
        name for child, parent, name, cols in catalogue.foreign_keys(superuser)
        if child in owned and parent in owned and "tenant_id" not in cols
    ]  # fmt: skip
    assert loose == []


def test_the_application_role_owns_and_bypasses_nothing(superuser: psycopg.Connection[Any]) -> None:
    role = superuser.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'karez_app'"
    ).fetchone()
    assert role == (False, False, False, False)
    owned = superuser.execute(
        "SELECT count(*) FROM pg_class WHERE relowner = 'karez_app'::regrole AND relpersistence <> 't'"
    ).fetchone()
    assert owned == (0,)


def test_the_application_role_is_nobody_else(superuser: psycopg.Connection[Any]) -> None:
    """A member of another role may become it, and has whatever that role was ever granted."""
    memberships = superuser.execute(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'karez_app'::regrole"
    ).fetchall()
    assert memberships == []


def test_functions_with_their_owners_rights_choose_where_names_are_found(
    superuser: psycopg.Connection[Any],
) -> None:
    """Without a search_path of its own such a function would run whatever the caller put before the real thing."""
    functions = superuser.execute(
        "SELECT p.oid::regprocedure::text, coalesce(p.proconfig::text, '') FROM pg_proc p "
        "WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace "
        "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
    ).fetchall()
    assert "audit_link()" in [name for name, _ in functions]
    assert [name for name, configuration in functions if "search_path=pg_catalog" not in configuration] == []


def test_own_rows_are_seen(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID], owned: list[str]
) -> None:
    """The control: with the right tenant set, the same statements do see rows, so the attacks mean something."""
    own, _other = victims
    with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
        open_scope(cursor, own)
        for table in owned:
            rows = cursor.execute(
                sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(table))
            ).fetchall()
            assert {row[0] for row in rows} == {own}, table


@pytest.mark.parametrize("sight", ["none", "wrong", "reused"])
def test_foreign_rows_cannot_be_touched(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID], owned: list[str], sight: str
) -> None:
    victim, attacker = victims
    before = {table: content(superuser, table, victim) for table in owned}
    with ConnectionPool(app_dsn, min_size=1, max_size=1, kwargs={"prepare_threshold": None}) as pool:
        if sight == "reused":  # the victim's own transaction ran on this very connection
            with pool.connection() as connection, connection.cursor() as cursor:
                open_scope(cursor, victim)
                cursor.execute("SELECT 1")
        for table in owned:
            for attack in (read, copy_out, copy_in, insert, update, steal, delete, truncate):
                with pool.connection() as connection:
                    with connection.cursor() as cursor:
                        if sight == "wrong":
                            open_scope(cursor, attacker)
                        attack(superuser, cursor, table, victim)
                    connection.rollback()
    assert {table: content(superuser, table, victim) for table in owned} == before


def test_a_row_cannot_be_moved_to_another_tenant(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID], owned: list[str]
) -> None:
    victim, attacker = victims
    for table in owned:
        with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
            open_scope(cursor, attacker)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cursor.execute(
                    sql.SQL("UPDATE {} SET tenant_id = %s").format(sql.Identifier(table)), [victim]
                )
            connection.rollback()
        assert len(content(superuser, table, victim)) == 1, table


# What reviewers read and never write; what they make of a feedback is theirs.
REVIEWED = ("chat_conversation", "chat_message", "chat_citation", "chat_feedback")
DECIDED = "chat_feedbackresolution"


def open_review(cursor: psycopg.Cursor[Any], tenant: UUID, department: UUID) -> None:
    """The sight of a reviewer who has asked nothing."""
    for name, value in {
        "app.tenant_id": str(tenant),
        "app.actor": "user:reviewer",
        "app.reviews": f"{{{department}}}",
    }.items():
        cursor.execute("SELECT set_config(%s, %s, true)", [name, value])


def test_a_reviewer_reads_the_departments_conversations_and_writes_none(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID]
) -> None:
    own, _other = victims
    before = {table: content(superuser, table, own) for table in REVIEWED}
    for table in REVIEWED:
        with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
            open_review(cursor, own, own)
            query = sql.SQL("SELECT tenant_id FROM {}").format(sql.Identifier(table))
            assert cursor.execute(query).fetchall() == [(own,)], table
            for attack in (update, steal, delete):
                attack(superuser, cursor, table, own)
            insert(superuser, cursor, table, own)
            connection.rollback()
    assert {table: content(superuser, table, own) for table in REVIEWED} == before


def test_a_reviewer_of_another_department_sees_nothing(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID]
) -> None:
    own, other = victims
    for tenant, department in ((own, uuid4()), (own, other), (other, own)):
        for table in (*REVIEWED, DECIDED):
            with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
                open_review(cursor, tenant, department)
                read(superuser, cursor, table, own)
                for attack in (update, steal, delete, insert):
                    attack(superuser, cursor, table, own)
                connection.rollback()


def test_a_reviewer_decides_on_the_departments_feedback_only(
    superuser: psycopg.Connection[Any], app_dsn: str, victims: tuple[UUID, UUID]
) -> None:
    """Whatever department a decision is put under: it must be the feedback's, and one that the reviewer looks after."""
    own, _other = victims
    change = sql.SQL("UPDATE {} SET {} = %s").format(sql.Identifier(DECIDED), sql.Identifier("department_id"))
    with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
        open_review(cursor, own, own)
        assert cursor.execute(change, [own]).rowcount == 1
        foreign = uuid4()
        cursor.execute("SELECT set_config('app.reviews', %s, true)", [f"{{{own},{foreign}}}"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor.execute(change, [foreign])
        connection.rollback()


Attacked = tuple[psycopg.Connection[Any], psycopg.Cursor[Any], str, UUID]


def read(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    query = sql.SQL("SELECT count(*) FROM {} WHERE tenant_id = %s").format(sql.Identifier(table))
    assert cursor.execute(query, [victim]).fetchone() == (0,), table


def copy_out(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        assert not any(str(victim).encode() in bytes(block) for block in copy), table


def copy_in(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
    with (
        pytest.raises((psycopg.errors.FeatureNotSupported, psycopg.errors.InsufficientPrivilege)),
        cursor.copy(statement) as copy,
    ):
        copy.write("")


def insert(superuser: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cursor.execute(*catalogue.insert_statement(superuser, table, victim))


def update(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    statement = sql.SQL("UPDATE {} SET tenant_id = tenant_id WHERE tenant_id = %s").format(
        sql.Identifier(table)
    )
    unchanged_or_denied(cursor, statement, victim)


def steal(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    statement = sql.SQL("UPDATE {} SET tenant_id = gen_random_uuid() WHERE tenant_id = %s").format(
        sql.Identifier(table)
    )
    unchanged_or_denied(cursor, statement, victim)


def delete(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    unchanged_or_denied(
        cursor, sql.SQL("DELETE FROM {} WHERE tenant_id = %s").format(sql.Identifier(table)), victim
    )


def truncate(_: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], table: str, victim: UUID) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))


def unchanged_or_denied(cursor: psycopg.Cursor[Any], statement: sql.Composed, victim: UUID) -> None:
    # Tables that the role may not change at all (the audit trail) say so.
    with suppress(psycopg.errors.InsufficientPrivilege):
        assert cursor.execute(statement, [victim]).rowcount == 0

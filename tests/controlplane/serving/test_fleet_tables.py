"""Attacks the registry's tables with raw SQL as the application role: whatever its sight, only the platform's opens them."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

TABLES = {"serving_modeldeployment": "id", "serving_replica": "id", "serving_replicahealth": "key"}
INSERTS = (
    (
        "INSERT INTO serving_modeldeployment (id, name, kind, routes, description, profile, created_at) "
        "VALUES (%(id)s, %(key)s, 'chat', '{}', '', 'standard', now())"
    ),
    (
        "INSERT INTO serving_replica (id, deployment_id, base_url, model, sealed_key, wanted, created_at) "
        "VALUES (%(id)s, %(id)s, 'http://a/v1', %(key)s, '', 'serving', now())"
    ),
    (
        "INSERT INTO serving_replicahealth (key, base_url, model, state, reason_code, reason_words, since, updated_at) "
        "VALUES (%(key)s, 'http://a/v1', 'm', 'ready', '', '', now(), now())"
    ),
)
SIGHT = {
    "app.tenant_id": str(uuid4()),
    "app.user_id": str(uuid4()),
    "app.actor": "user:x",
    "app.unrestricted": "on",
    "app.administers": "on",
}


def names_of(mark: UUID) -> dict[str, str]:
    return {"id": str(mark), "key": mark.hex}


@pytest.fixture
def superuser(superuser_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rows(superuser: psycopg.Connection[Any], migrated: object) -> Iterator[UUID]:
    mark = uuid4()
    for statement in INSERTS:
        superuser.execute(statement, names_of(mark))
    yield mark
    superuser.execute("DELETE FROM serving_replicahealth WHERE key = %s", [mark.hex])
    superuser.execute("DELETE FROM serving_replica WHERE id = %s", [mark])
    superuser.execute("DELETE FROM serving_modeldeployment WHERE id = %s", [mark])


def contents(superuser: psycopg.Connection[Any]) -> list[Any]:
    return [
        superuser.execute(
            sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(sql.Identifier(table))
        ).fetchall()
        for table in TABLES
    ]


@pytest.mark.parametrize("sight", [{}, SIGHT], ids=["none", "a tenant's widest"])
def test_only_the_platform_opens_the_registry(
    superuser: psycopg.Connection[Any], app_dsn: str, rows: UUID, sight: dict[str, str]
) -> None:
    before = contents(superuser)
    for table, column in TABLES.items():
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        for attack in (
            "SELECT FROM {table}",
            "UPDATE {table} SET {column} = {column}",
            "DELETE FROM {table}",
            "TRUNCATE {table} CASCADE",
        ):
            with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
                for name, value in sight.items():
                    cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
                with suppress(psycopg.errors.InsufficientPrivilege):
                    assert cursor.execute(sql.SQL(attack).format(**names)).rowcount == 0, (table, attack)
    for statement in INSERTS:
        with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
            for name, value in sight.items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cursor.execute(statement, names_of(uuid4()))
    assert contents(superuser) == before


def test_the_platform_sees_them(app_dsn: str, rows: UUID) -> None:
    """The control: with its sight the same tables are not empty."""
    with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.platform', 'on', true)")
        for table in TABLES:
            assert cursor.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table))).rowcount > 0

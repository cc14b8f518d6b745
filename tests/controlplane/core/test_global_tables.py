"""Attacks the two guarded tables that belong to no tenant, with raw SQL as the application role."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

TABLES = {"identity_user": "email", "tenants_tenant": "slug"}


@pytest.fixture
def superuser(superuser_dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def victim(superuser: psycopg.Connection[Any]) -> UUID:
    """The id of a person, and of a tenant that the person is no member of."""
    mark = uuid4()
    superuser.execute(
        "INSERT INTO identity_user (id, email, name, password, is_active, is_platform_admin, created_at) "
        "VALUES (%s, %s, '', 'hash', true, false, now())",
        [mark, f"{mark}@example.org"],
    )
    superuser.execute(
        "INSERT INTO tenants_tenant (id, slug, name, created_at) VALUES (%s, %s, '', now())",
        [mark, str(mark)],
    )
    return mark


def content(superuser: psycopg.Connection[Any], table: str, mark: UUID) -> str:
    query = sql.SQL("SELECT t::text FROM {} t WHERE id = %s").format(sql.Identifier(table))
    return str(superuser.execute(query, [mark]).fetchone())


SIGHTS = {
    "none": {},
    "another tenant": {
        "app.tenant_id": str(uuid4()),
        "app.user_id": str(uuid4()),
        "app.unrestricted": "on",
        "app.administers": "on",
        "app.login_email": "somebody@example.org",
        "app.key_hash": "x",
    },
}
ATTACKS = (
    "DELETE FROM {table} WHERE id = %(id)s",
    "UPDATE {table} SET name = 'x' WHERE id = %(id)s",
    "UPDATE {table} SET id = gen_random_uuid() WHERE id = %(id)s",
    "UPDATE {table} SET {key} = 'x' WHERE id = %(id)s",
    "TRUNCATE {table} CASCADE",
)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("table", TABLES)
def test_people_and_tenants_of_others_cannot_be_touched(
    superuser: psycopg.Connection[Any], app_dsn: str, victim: UUID, table: str, sight: str
) -> None:
    before = content(superuser, table, victim)
    names = {"table": sql.Identifier(table), "key": sql.Identifier(TABLES[table])}
    for attack in ("SELECT FROM {table} WHERE id = %(id)s", *ATTACKS):
        with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
            for name, value in SIGHTS[sight].items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            with suppress(psycopg.errors.InsufficientPrivilege):
                assert cursor.execute(sql.SQL(attack).format(**names), {"id": victim}).rowcount == 0, attack
            connection.rollback()
    assert content(superuser, table, victim) == before


@pytest.mark.parametrize("sight", SIGHTS)
def test_nobody_makes_people_or_tenants(app_dsn: str, sight: str) -> None:
    statements = (
        "INSERT INTO tenants_tenant (id, slug, name, created_at) VALUES (gen_random_uuid(), 'x', '', now())",
        (
            "INSERT INTO identity_user (id, email, name, password, is_active, is_platform_admin, created_at) "
            "VALUES (gen_random_uuid(), 'x@example.org', '', '', true, false, now())"
        ),
    )
    for statement in statements:
        with psycopg.connect(app_dsn) as connection, connection.cursor() as cursor:
            for name, value in SIGHTS[sight].items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                cursor.execute(statement)
            connection.rollback()

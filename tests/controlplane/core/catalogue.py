"""Reads the database's own catalogue, and fills every tenant-owned table without knowing any of them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""
_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid),
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm', 'f') AND NOT c.relispartition
ORDER BY c.relname
"""
_FOREIGN_KEYS = """
SELECT k.conrelid::regclass::text, k.confrelid::regclass::text, k.conname,
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
FROM pg_constraint k WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
"""
_FIXED_NUMBERS = {"secrecy": 0, "clearance": 0, "dimension": 512}
# Far from the numbers that sequences have given to other tests' rows.
_RANGES = {"int2": (1, 30_000), "int4": (10**9, 10**9), "int8": (10**12, 10**15)}
_TEXTS = {"text", "varchar", "bpchar"}


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    enabled: bool
    forced: bool
    policies: int
    has_tenant: bool


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    formatted: str
    type: str


def tables(connection: psycopg.Connection[Any]) -> list[Table]:
    return [Table(*row) for row in connection.execute(_TABLES)]


def foreign_keys(connection: psycopg.Connection[Any]) -> list[tuple[str, str, str, list[str]]]:
    return [tuple(row) for row in connection.execute(_FOREIGN_KEYS)]


def columns(connection: psycopg.Connection[Any], table: str) -> list[Column]:
    return [Column(*row) for row in connection.execute(_COLUMNS, [table])]


def value_for(column: Column, mark: UUID) -> Any:
    """A value of the column's type; every uuid and every number of one mark is the same, so that references meet."""
    if column.type == "uuid":
        return str(mark)
    if column.type in _RANGES:
        lowest, count = _RANGES[column.type]
        return _FIXED_NUMBERS.get(column.name, lowest + mark.int % count)
    if column.type in _TEXTS:
        return mark.hex[:11]
    if column.type in ("halfvec", "vector"):
        return "[" + ",".join(["0.5"] * 512) + "]"
    fixed = {
        "bool": False,
        "jsonb": "{}",
        "timestamptz": "2026-01-01T00:00:00Z",
        "float4": 0.5,
        "float8": 0.5,
        "numeric": 1,
        "bytea": b"x",
    }
    if column.type.startswith("_"):
        return "{}"
    return fixed[column.type]


def insert_statement(
    connection: psycopg.Connection[Any], table: str, mark: UUID
) -> tuple[sql.Composed, list[Any]]:
    """An INSERT of one row that belongs to the tenant `mark`."""
    cols = columns(connection, table)
    statement = sql.SQL("INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(sql.Identifier(c.name) for c in cols),
        sql.SQL(", ").join(sql.SQL("%s::") + sql.SQL(c.formatted) for c in cols),
    )
    return statement, [value_for(c, mark) for c in cols]

"""Rows into a table as the application role, past nothing: row-level security and triggers see each.

COPY into a table with policies is refused to that role, so the rows are copied into a temporary table first.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import psycopg
from django.db import connection
from psycopg import sql

from controlplane.core.scope import tenant_scope

BATCH = 50_000
NULL = r"\N"
_TYPES = {"ms": "bigint", "place": "bigint"}


@dataclass(frozen=True, slots=True)
class Target:
    """`columns`: name and type of what is copied, in the order of the lines' fields; `ms` is a time in milliseconds,
    `place` only orders them. `fixed`: further columns with their expression."""

    table: str
    columns: Mapping[str, str]
    fixed: Mapping[str, str]
    order_by: str = ""
    batch: int = BATCH


def line(*fields: object) -> str:
    """A row of COPY's text format. The fields hold no tab, line break or backslash, but NULL."""
    return "\t".join(map(str, fields)) + "\n"


class Loader:
    """Loads into one tenant, in transactions of one batch each."""

    def __init__(self, *, tenant_id: UUID) -> None:
        self._tenant_id = tenant_id
        self._known: set[str] = set()

    def load(self, *, target: Target, lines: Iterable[str]) -> Iterator[int]:
        """Gives how many rows each batch brought."""
        waiting = iter(lines)
        while batch := list(islice(waiting, target.batch)):
            self._write(target, batch)
            if target.table not in self._known:
                self._known.add(target.table)
                _analyze(target.table)
            yield len(batch)

    def _write(self, target: Target, batch: list[str]) -> None:
        with tenant_scope(self._tenant_id), connection.cursor() as cursor:
            # What a crash of the server loses here is made again by the same command.
            cursor.execute("SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = 0")
            cursor.execute(_temporary(target))
            with cursor.copy(f"COPY seed_rows ({', '.join(target.columns)}) FROM STDIN") as copy:
                copy.write("".join(batch))
            cursor.execute(_insert(target), {"tenant": self._tenant_id})


def _analyze(table: str) -> None:
    """A tenant that the statistics do not know is taken for empty: then the check of each row that refers to another reads
    all the rows there are. Only their owner may count them; without its URL this is left to autovacuum, which takes minutes.
    """
    if owner := os.environ.get("KAREZ_OWNER_DATABASE_URL"):
        with psycopg.connect(owner, autocommit=True, connect_timeout=10) as connection:
            connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))


def _temporary(target: Target) -> str:
    columns = ", ".join(f"{name} {_TYPES.get(type_, type_)}" for name, type_ in target.columns.items())
    return f"CREATE TEMPORARY TABLE seed_rows ({columns}) ON COMMIT DROP"


def _insert(target: Target) -> str:
    copied = {
        name: f"to_timestamp({name} / 1000.0)" if type_ == "ms" else name
        for name, type_ in target.columns.items()
        if type_ != "place"
    }
    values = {"tenant_id": "%(tenant)s", **copied, **target.fixed}
    names = ", ".join(f'"{name}"' for name in values)
    order = f" ORDER BY {target.order_by}" if target.order_by else ""
    chosen = ", ".join(values.values())
    return f"INSERT INTO {target.table} ({names}) SELECT {chosen} FROM seed_rows{order}"  # noqa: S608 - of constants

"""Roles, extensions and default privileges of a Karez database, applied by a superuser; all may be repeated.

    karez_owner   owns the database and its tables, runs the migrations; row-level security binds it too
    karez_app     what the platform runs as: owns nothing, so it cannot switch row-level security off

Everything is set in template1 too, so that a database the owner creates (the test suite does) starts the
same way.
"""

from dataclasses import dataclass
from typing import Protocol

import psycopg
from psycopg import sql

OWNER, APP, DATABASE = "karez_owner", "karez_app", "karez"
EXTENSIONS = ("vector", "pg_trgm", "btree_gin", "unaccent")
CONNECT_SECONDS = 10

RESTRICTIONS = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION"
PRIVILEGES = (
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT USAGE, SELECT ON SEQUENCES TO {app}",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO {app}",
)

# What one session of the platform may hold up. Batches of indexing take seconds; what may take longer says so itself.
APP_LIMITS = {
    "statement_timeout": "60s",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "5min",
}


class Server(Protocol):
    """Where a PostgreSQL is, and its superuser: the embedded cluster, or any other (`deploy.database`)."""

    def url(self, *, user: str, password: str, database: str) -> str: ...

    def superuser_url(self, database: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Urls:
    owner: str
    app: str


def apply(
    *, cluster: Server, owner_password: str, app_password: str, may_create_databases: bool = False
) -> Urls:
    """Bring roles, extensions, the database and its privileges to the described state.

    `may_create_databases`: the owner may, which the test suite needs and nothing else.
    """
    with _connect(cluster, "template1") as connection:
        owner_may = "CREATEDB" if may_create_databases else "NOCREATEDB"
        _role(connection, name=OWNER, password=owner_password, attributes=owner_may)
        _role(connection, name=APP, password=app_password, attributes="NOCREATEDB NOINHERIT")
        for name, value in APP_LIMITS.items():
            _execute(connection, f"ALTER ROLE {{app}} SET {name} = '{value}'")
        # The platform has one database. (The owner's own databases, in tests, are the owner's to enter.)
        _execute(connection, "REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")
        _prepare_database(connection)
    # A new connection: CREATE DATABASE copies template1 and wants nobody in it.
    with _connect(cluster, "postgres") as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            _execute(connection, "CREATE DATABASE {database} OWNER {owner}")
        _execute(connection, "REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        _execute(connection, "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}")
    with _connect(cluster, DATABASE) as connection:
        _execute(connection, "ALTER SCHEMA public OWNER TO {owner}")
        _prepare_database(connection)
    return urls(cluster=cluster, owner_password=owner_password, app_password=app_password)


def urls(*, cluster: Server, owner_password: str, app_password: str) -> Urls:
    """What the roles connect with; the server need not run."""
    return Urls(
        owner=cluster.url(user=OWNER, password=owner_password, database=DATABASE),
        app=cluster.url(user=APP, password=app_password, database=DATABASE),
    )


def _connect(cluster: Server, database: str) -> psycopg.Connection:
    return psycopg.connect(cluster.superuser_url(database), autocommit=True, connect_timeout=CONNECT_SECONDS)


def _execute(connection: psycopg.Connection, statement: str) -> None:
    names = {"owner": sql.Identifier(OWNER), "app": sql.Identifier(APP), "database": sql.Identifier(DATABASE)}
    connection.execute(sql.SQL(statement).format(**names))


def _role(connection: psycopg.Connection, *, name: str, password: str, attributes: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    statement = sql.SQL("{verb} ROLE {name} {attributes} PASSWORD {password}").format(
        verb=sql.SQL("ALTER" if exists else "CREATE"),
        name=sql.Identifier(name),
        attributes=sql.SQL(f"{RESTRICTIONS} {attributes}"),  # constants of this file
        password=sql.Literal(password),
    )
    connection.execute(statement)


def _prepare_database(connection: psycopg.Connection) -> None:
    for extension in EXTENSIONS:
        connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
    for statement in PRIVILEGES:
        _execute(connection, statement)

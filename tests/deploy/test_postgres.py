"""The PostgreSQL launcher on the real server: starts, restarts after kill -9, and the rights of the two roles."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from deploy.embedded import roles
from deploy.embedded.postgres import Cluster
from deploy.embedded.testing import Servers, choose_servers, start_postgres, throw_away
from tests.deploy.processes import wait_for


@pytest.fixture
def throwaway() -> Iterator[Servers]:
    parent = Path(tempfile.mkdtemp(prefix="karez-pg-"))
    parent.chmod(0o711)
    directory = parent / "带空格的 目录"
    directory.mkdir()
    chosen = choose_servers(directory=directory)
    yield chosen
    throw_away(chosen)
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def server(postgres_server: Servers) -> Servers:
    """The session's server, with a table of the owner's."""
    with psycopg.connect(postgres_server.urls.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE IF NOT EXISTS deploy_owned (id bigserial PRIMARY KEY, body text)")
        owner.execute("CREATE OR REPLACE FUNCTION deploy_one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    return postgres_server


@pytest.fixture
def app(server: Servers) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.urls.app, autocommit=True) as connection:
        yield connection


def test_data_survives_a_stop_and_a_kill(throwaway: Servers) -> None:
    running = start_postgres(throwaway)
    with psycopg.connect(throwaway.urls.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 1 AS one")
    running.stop()

    running = start_postgres(throwaway)  # neither a second initdb nor a second bootstrap harms
    assert _kept(throwaway) == 1
    os.kill(_postmaster(throwaway.cluster), signal.SIGKILL)
    assert running.leash.wait(timeout=10) == -signal.SIGKILL
    assert (throwaway.cluster.data / "postmaster.pid").exists()

    running = start_postgres(throwaway)
    assert _kept(throwaway) == 1
    running.stop()


def test_a_killed_leash_lets_postgres_shut_down(throwaway: Servers) -> None:
    running = start_postgres(throwaway)
    postmaster = _postmaster(throwaway.cluster)
    running.leash.kill()
    running.leash.wait()
    _until_gone(postmaster)
    control = [throwaway.cluster.binaries / "pg_controldata", "-D", throwaway.cluster.data]
    said = subprocess.run(control, capture_output=True, text=True, check=True).stdout
    assert re.search(r"Database cluster state: +shut down\n", said)


def test_a_pid_file_that_names_another_program_is_no_obstacle(throwaway: Servers) -> None:
    start_postgres(throwaway).stop()
    pid_file = throwaway.cluster.data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{throwaway.cluster.data}\n")
    running = start_postgres(throwaway)
    running.stop()


def test_an_interrupted_creation_is_begun_again(throwaway: Servers) -> None:
    throwaway.cluster.begin_initialising()  # initdb itself never ran
    assert not throwaway.cluster.exists()
    running = start_postgres(throwaway)
    running.stop()
    assert not list(throwaway.cluster.data.parent.glob("postgres.*"))


def test_passwords_alone_open_it_and_only_on_this_machine(server: Servers) -> None:
    url = server.urls.app.replace(server.secrets.postgres_app, "wrong")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url)
    with psycopg.connect(server.cluster.superuser_url("karez")) as superuser:
        assert _one(superuser, "SHOW listen_addresses") == "127.0.0.1"
        assert _one(superuser, "SHOW unix_socket_directories") == ""
        methods = superuser.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
        encrypted = superuser.execute(
            "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin"
        )
        assert encrypted.fetchone() == (True,)
        assert _one(superuser, "SHOW server_encoding") == "UTF8"
        assert _one(superuser, "SELECT show_trgm('私有化部署') <> '{}'") is True


def test_neither_role_may_get_past_row_level_security(server: Servers) -> None:
    with psycopg.connect(server.cluster.superuser_url("karez")) as superuser:
        roles = superuser.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolreplication FROM pg_roles "
            "WHERE rolname LIKE 'karez%' ORDER BY 1"
        ).fetchall()
        owned = superuser.execute(
            "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid "
            "WHERE d.deptype = 'o' AND r.rolname = 'karez_app'"
        ).fetchone()
    assert roles == [("karez_app", False, False, False, False), ("karez_owner", False, False, False, False)]
    assert owned == (0,)


def test_the_application_role_reads_and_writes_rows(app: psycopg.Connection) -> None:
    identity = _one(app, "INSERT INTO deploy_owned (body) VALUES ('a') RETURNING id")
    app.execute("UPDATE deploy_owned SET body = 'b' WHERE id = %s", [identity])
    assert _one(app, "SELECT body FROM deploy_owned") == "b"
    app.execute("DELETE FROM deploy_owned")
    assert _one(app, "SELECT deploy_one()") == 1
    app.execute("CREATE TEMPORARY TABLE scratch (id int)")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
        "CREATE EXTENSION hstore",
        "ALTER TABLE deploy_owned DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE deploy_owned ADD COLUMN x int",
        "ALTER ROLE karez_app BYPASSRLS",
        "TRUNCATE deploy_owned",
        "DROP TABLE deploy_owned",
        "CREATE TRIGGER t BEFORE INSERT ON deploy_owned EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SET ROLE karez_owner",
    ],
)
def test_the_application_role_may_not(app: psycopg.Connection, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_the_application_role_enters_no_other_database(server: Servers, database: str) -> None:
    with pytest.raises(errors.OperationalError, match="permission denied for database"):
        psycopg.connect(server.urls.app.removesuffix("karez") + database)


@pytest.mark.parametrize(
    ("name", "value"),
    [("statement_timeout", "1min"), ("lock_timeout", "30s"), ("idle_in_transaction_session_timeout", "5min")],
)
def test_the_application_role_holds_nothing_up_for_long(
    app: psycopg.Connection, name: str, value: str
) -> None:
    assert _one(app, f"SHOW {name}") == value


def test_a_database_of_the_owner_starts_with_the_same_rights(server: Servers) -> None:
    """The test suite's own database is one."""
    with psycopg.connect(server.urls.owner, autocommit=True) as owner:
        owner.execute("CREATE DATABASE deploy_second")
    owner_url, app_url = (
        url.removesuffix("karez") + "deploy_second" for url in (server.urls.owner, server.urls.app)
    )
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute("CREATE TABLE t (v vector(2))")
    with psycopg.connect(app_url, autocommit=True) as app:
        app.execute("INSERT INTO t VALUES ('[1,2]')")
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("CREATE TABLE u (id int)")
    with psycopg.connect(server.urls.owner, autocommit=True) as owner:
        owner.execute("DROP DATABASE deploy_second")


def test_the_owner_of_a_real_start_may_not_create_databases(throwaway: Servers) -> None:
    running = start_postgres(throwaway)
    secrets = throwaway.secrets
    roles.apply(
        cluster=throwaway.cluster,
        owner_password=secrets.postgres_owner,
        app_password=secrets.postgres_app,
    )
    with (
        psycopg.connect(throwaway.urls.owner, autocommit=True) as owner,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        owner.execute("CREATE DATABASE other")
    running.stop()


def _one(connection: psycopg.Connection, statement: str) -> object:
    row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
    assert row
    return row[0]


def _kept(servers: Servers) -> object:
    with psycopg.connect(servers.urls.app) as app:
        return _one(app, "SELECT one FROM kept")


def _postmaster(cluster: Cluster) -> int:
    return int((cluster.data / "postmaster.pid").read_text().split()[0])


def _until_gone(pid: int) -> None:
    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    wait_for(gone, what="postgres ended")

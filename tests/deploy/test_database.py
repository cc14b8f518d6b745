"""`python -m deploy.database`: the roles of the embedded start on a server that somebody else runs."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from deploy.database import APP_VARIABLE, OWNER_VARIABLE, SUPERUSER_VARIABLE
from deploy.embedded.testing import Servers
from tests.conftest import ROOT


@pytest.fixture
def urls(postgres_server: Servers, tmp_path: Path) -> dict[str, str]:
    """The three connection strings, the way compose gives them: in files."""
    cluster = postgres_server.cluster
    given = {
        SUPERUSER_VARIABLE: cluster.superuser_url(),
        OWNER_VARIABLE: postgres_server.urls.owner,
        APP_VARIABLE: postgres_server.urls.app,
    }
    for name, url in given.items():
        (tmp_path / name).write_text(f"{url}\n")
    return {f"{name}_FILE": str(tmp_path / name) for name in given}


def _run(variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KAREZ_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.database"],
        cwd=ROOT,
        env={**clean, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_may_be_repeated_and_leaves_the_roles_of_the_embedded_start(
    postgres_server: Servers, urls: dict[str, str]
) -> None:
    for _ in range(2):
        done = _run(urls)
        assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(postgres_server.urls.app, autocommit=True) as app:
        assert app.execute("SELECT count(*) FROM pg_extension WHERE extname = 'vector'").fetchone() == (1,)
        with pytest.raises(errors.InsufficientPrivilege):
            app.execute("CREATE TABLE mine ()")
    with psycopg.connect(postgres_server.cluster.superuser_url(), autocommit=True) as superuser:
        # What the test suite's start adds, and a real one does not have.
        (may_create,) = superuser.execute(
            "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'karez_owner'"
        ).fetchone() or (None,)
        superuser.execute("ALTER ROLE karez_owner CREATEDB")
    assert may_create is False


def test_a_changed_password_is_set(postgres_server: Servers, urls: dict[str, str], tmp_path: Path) -> None:
    changed = postgres_server.cluster.url(user="karez_app", password="another", database="karez")
    (tmp_path / APP_VARIABLE).write_text(changed)
    assert _run(urls).returncode == 0
    psycopg.connect(changed).close()
    (tmp_path / APP_VARIABLE).write_text(postgres_server.urls.app)
    assert _run(urls).returncode == 0
    psycopg.connect(postgres_server.urls.app).close()
    with psycopg.connect(postgres_server.cluster.superuser_url(), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE karez_owner CREATEDB")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            APP_VARIABLE,
            "postgresql://karez_owner:hush@h/karez",
            "must connect as karez_app to the database karez",
        ),
        (OWNER_VARIABLE, "postgresql://karez_owner@h/karez", "KAREZ_OWNER_DATABASE_URL has no password"),
        (APP_VARIABLE, "postgresql://karez_app:hush@h/other", "to the database karez"),
        (SUPERUSER_VARIABLE, "hush hush", "KAREZ_SUPERUSER_DATABASE_URL is no connection string"),
        (SUPERUSER_VARIABLE, "", "KAREZ_SUPERUSER_DATABASE_URL_FILE"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(
    urls: dict[str, str], tmp_path: Path, name: str, content: str, said: str
) -> None:
    (tmp_path / name).write_text(content)
    done = _run(urls)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_an_error_without_a_password(
    urls: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / SUPERUSER_VARIABLE).write_text("postgresql://postgres:hush@127.0.0.1:9/postgres")
    done = _run(urls)
    assert done.returncode == 1
    assert "could not be prepared" in done.stderr
    assert "hush" not in done.stderr

"""The database of the suite: a real PostgreSQL, migrated by the owner role, used by the application role.

Nothing is flushed between tests: each makes a tenant of its own, and tenants don't see each other. Tests that don't care
about commits use pytest-django's `db` (rolled back); those that do ask for `committed`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from httpx._transports import default as _transports

from deploy.embedded.testing import Servers

# Every client of httpx reads the system's certificates, 50 ms each time and for plain HTTP too; the suite makes thousands.
_transports.create_ssl_context = cache(_transports.create_ssl_context)

# Playwright leaves an event loop running in the thread of the tests: no asyncio test can come after it.
BROWSER_FIXTURES = {"browser", "page", "open_browser"}
ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("KAREZ_SHARED_DIR", ROOT.parent / "shared"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a browser come last, in the order in which they stand."""
    items.sort(key=_needs_browser)
    if not os.environ.get("KAREZ_SOAK"):
        skipped = pytest.mark.skip(
            reason="floods and measures for a minute: `make test-soak` runs it on a machine that does nothing else"
        )
        for item in items:
            if item.get_closest_marker("soak"):
                item.add_marker(skipped)
    for item in items:
        if _needs_browser(item):
            item.add_marker(pytest.mark.timeout(900))


def _needs_browser(item: pytest.Item) -> bool:
    return not BROWSER_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The data sets that are not part of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data sets are not at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def migrated(postgres_server: Servers) -> Servers:
    environment = os.environ | {"KAREZ_DATABASE_URL": os.environ["KAREZ_OWNER_DATABASE_URL"]}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput", "-v0"], cwd=ROOT, env=environment, check=True
    )
    return postgres_server


@pytest.fixture(scope="session")
def django_db_setup(migrated: Servers) -> None:
    """Instead of pytest-django's: the database is there, and the application role may not create one."""


@pytest.fixture(scope="session")
def app_dsn(migrated: Servers) -> str:
    return migrated.urls.app


@pytest.fixture(scope="session")
def superuser_dsn(migrated: Servers) -> str:
    """For what a test must see or do past row-level security."""
    return migrated.cluster.superuser_url("karez")


@pytest.fixture
def committed(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Access to the database with real commits and no clean-up: make a tenant of your own."""
    from django.db import connections

    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connections.close_all()

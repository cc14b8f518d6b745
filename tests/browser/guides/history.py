"""Weeks of use behind a tenant: `manage.py seed` on the running platform."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from deploy.embedded import environment, roles
from deploy.embedded.services import make_cluster
from deploy.embedded.settings import read_settings
from deploy.embedded.state import State
from tests.e2e.conftest import ROOT, Platform

MESSAGES = 4000


def seed(platform: Platform, *, tenant: str, language: str) -> None:
    """Conversations of the last months, which cite the documents that the tenant has."""
    subprocess.run(
        [
            *(sys.executable, "manage.py", "seed", "--append", "--tenant", tenant),
            *("--documents", "0", "--audit-events", "0", "--messages", str(MESSAGES)),
            *("--language", language),
        ],
        cwd=ROOT,
        env={**os.environ, **_environment(platform)},
        check=True,
        timeout=300,
        stdout=subprocess.DEVNULL,
    )


def _environment(platform: Platform) -> dict[str, str]:
    """As the supervisor gives it to a management command."""
    state = State(platform.state)
    ports = json.loads(state.ports_file.read_text(encoding="utf-8"))
    inherited = {"KAREZ_STATE_DIR": str(platform.state), "KAREZ_PORT": str(urlsplit(platform.base_url).port)}
    settings = read_settings(environment=inherited, root=Path(ROOT))
    secrets = state.secrets()
    cluster, _place = make_cluster(settings=settings, state=state, secrets=secrets, port=ports["postgres"])
    urls = roles.urls(
        cluster=cluster, owner_password=secrets.postgres_owner, app_password=secrets.postgres_app
    )
    addresses = environment.Addresses(
        database_url=urls.app,
        owner_database_url=urls.owner,
        broker_url="redis://127.0.0.1:9/0",
        cache_url="redis://127.0.0.1:9/1",
        embedding_url="http://127.0.0.1:9/v1",
        engine_url="",
    )
    given = environment.platform(settings=settings, secrets=secrets, addresses=addresses, inherited=inherited)
    return {**given, "KAREZ_OWNER_DATABASE_URL": urls.owner}

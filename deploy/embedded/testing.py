"""PostgreSQL and Valkey for a test run: a pytest plugin (`-p deploy.embedded.testing`), and a command line.

Loading the plugin chooses ports and passwords and exports the KAREZ_* settings, so that Django's settings can
be imported; that takes milliseconds. The servers start when the first test asks for `postgres_server` or
`valkey_server`, on data that is thrown away, and end with the test process, however it ends.

`python -m deploy.embedded.testing COMMAND …` runs a command with those settings and without servers: type
checkers and `makemigrations --check` import the settings too.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.embedded import roles
from deploy.embedded.errors import StartError
from deploy.embedded.ports import LOOPBACK, find_free
from deploy.embedded.postgres import Cluster, place
from deploy.embedded.process import Process, last_lines, leash_command
from deploy.embedded.services import postgres_process, valkey_process
from deploy.embedded.state import Secrets, State, generate_secrets
from deploy.embedded.valkey import Valkey, find_binary

READY_SECONDS = 60.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers of this test run will listen once they are started."""

    state: State
    cluster: Cluster
    valkey: Valkey
    secrets: Secrets

    @property
    def urls(self) -> roles.Urls:
        return roles.urls(
            cluster=self.cluster,
            owner_password=self.secrets.postgres_owner,
            app_password=self.secrets.postgres_app,
        )

    def environment(self) -> dict[str, str]:
        """The KAREZ_* settings; nothing here reaches a model or an engine."""
        return {
            "KAREZ_DATABASE_URL": self.urls.app,
            "KAREZ_OWNER_DATABASE_URL": self.urls.owner,
            "KAREZ_BROKER_URL": self.valkey.url(0),
            "KAREZ_CACHE_URL": self.valkey.url(1),
            "KAREZ_SECRET_KEY": self.secrets.secret_key,
            "KAREZ_STATE_DIR": str(self.state.directory),
            "KAREZ_BASE_URL": f"http://{LOOPBACK}:8000",
            "KAREZ_EMBEDDING_URL": f"http://{LOOPBACK}:9/v1",
            "KAREZ_EMBEDDING_MODEL": "use",
            "KAREZ_ENGINES": "",
        }


class Leashed:
    """A process that ends with this one: its leash watches the other end of a pipe we hold."""

    def __init__(self, process: Process) -> None:
        if process.before_start:
            process.before_start()
        read, self._control = os.pipe()
        self.process = process
        self.leash = subprocess.Popen(
            leash_command(process=process, control=read, echo=False),
            pass_fds=(read,),
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=dict(process.environment),
        )
        os.close(read)

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        end = time.monotonic() + READY_SECONDS
        while not is_ready():
            if self.leash.poll() is not None or time.monotonic() > end:
                raise StartError(f"{self.process.name}: {last_lines(log=self.process.log, count=25)}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        self.leash.terminate()
        self.leash.wait()
        os.close(self._control)


def choose_servers(*, directory: Path) -> Servers:
    """Ports, passwords and places below an empty directory that we own; starts nothing."""
    directory.chmod(0o711)  # PostgreSQL's own account passes through
    state = State(directory)
    state.prepare()
    secrets = generate_secrets()
    postgres_port = find_free()
    chosen = place(state=directory, configured_binaries=os.environ.get("KAREZ_PG_BIN", ""))
    cluster = Cluster(
        binaries=chosen.binaries,
        data=chosen.data,
        port=postgres_port,
        account=chosen.account,
        superuser_password=secrets.postgres_superuser,
        throwaway=True,
    )
    valkey = Valkey(
        binary=find_binary(os.environ.get("KAREZ_VALKEY_BIN", "")),
        directory=state.folder("valkey"),
        port=find_free(taken=frozenset({postgres_port})),
        password=secrets.valkey,
    )
    return Servers(state=state, cluster=cluster, valkey=valkey, secrets=secrets)


def start_postgres(servers: Servers) -> Leashed:
    """With the roles and extensions of a real one; the owner may also create databases."""
    cluster = servers.cluster
    cluster.initialise()
    running = Leashed(postgres_process(cluster=cluster, state=servers.state))
    running.wait_until(cluster.is_ready)
    roles.apply(
        cluster=cluster,
        owner_password=servers.secrets.postgres_owner,
        app_password=servers.secrets.postgres_app,
        may_create_databases=True,
    )
    return running


def start_valkey(servers: Servers) -> Leashed:
    running = Leashed(valkey_process(valkey=servers.valkey, state=servers.state))
    running.wait_until(servers.valkey.is_ready)
    return running


def throw_away(servers: Servers) -> None:
    for directory in (servers.state.directory, servers.cluster.data):
        shutil.rmtree(directory, ignore_errors=True)


def temporary_servers() -> Servers:
    """Removed when this process ends."""
    servers = choose_servers(directory=Path(tempfile.mkdtemp(prefix="karez-test-")))
    atexit.register(throw_away, servers)
    return servers


SERVERS_KEY = "karez-servers"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """The first hook of a plugin named by `-p`: earlier than pytest-django reads the settings."""
    chosen = temporary_servers()
    os.environ.update(chosen.environment())
    pluginmanager.register(chosen, name=SERVERS_KEY)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Servers:
    """Where the servers of this run listen; asking for it starts none."""
    chosen = pytestconfig.pluginmanager.get_plugin(SERVERS_KEY)
    assert isinstance(chosen, Servers)  # noqa: S101 - registered above
    return chosen


@pytest.fixture(scope="session")
def postgres_server(servers: Servers) -> Iterator[Servers]:
    """A running PostgreSQL with roles and extensions; the database `karez` is empty."""
    running = start_postgres(servers)
    yield servers
    running.stop()


@pytest.fixture(scope="session")
def valkey_server(servers: Servers) -> Iterator[Servers]:
    """A running, empty Valkey."""
    running = start_valkey(servers)
    yield servers
    running.stop()


def main(command: list[str]) -> int:
    environment = {**os.environ, **temporary_servers().environment()}
    return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

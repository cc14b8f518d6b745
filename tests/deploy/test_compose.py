"""Each platform service of docker-compose.yml, started without Docker: exactly its command, account, variables and secrets, on
a read-only root, against a real PostgreSQL and Valkey. Only addresses differ, since everything shares one network here."""

import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from deploy.embedded.ports import find_free
from deploy.embedded.testing import Servers
from tests.conftest import ROOT
from tests.deploy.compose import load
from tests.deploy.containers import APP, Container, end
from tests.deploy.project import SYSTEM_PYTHON, can_be_ordinary

PLATFORM = 10001
START_SECONDS = 120
LONG = ("embedding", "web", "worker-parse", "worker-embed", "beat")


def _cannot() -> str:
    if os.geteuid() != 0 or can_be_ordinary():
        return can_be_ordinary() or "not root: mounts cannot be made"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "mount namespaces cannot be made here"


pytestmark = pytest.mark.skipif(bool(reason := _cannot()), reason=reason)


class Stack:
    """The services, and where this test put what compose would put somewhere."""

    def __init__(self, *, directory: Path, servers: Servers) -> None:
        self.directory = directory
        self.ports = {name: str(find_free()) for name in ("web", "embedding")}
        address = f"http://127.0.0.1:{self.ports['embedding']}/v1"
        self.services: dict[str, Any] = load(KAREZ_EMBEDDING_URL=address, KAREZ_ENGINES="")["services"]
        self.secrets, self.state = directory / "secrets", directory / "state"
        self.state.mkdir(mode=0o700)
        os.chown(self.state, PLATFORM, PLATFORM)
        subprocess.run(["sh", ROOT / "deploy/images/make-secrets.sh", self.secrets], check=True)
        here = {
            "superuser_database_url": servers.cluster.superuser_url(),
            "owner_database_url": servers.urls.owner,
            "database_url": servers.urls.app,
            "broker_url": servers.valkey.url(0),
            "cache_url": servers.valkey.url(1),
        }
        for name, url in here.items():
            (self.secrets / name).write_text(f"{url}\n")

    def container(self, name: str) -> Container:
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return Container(
            service=self.services[name],
            directory=directory,
            secrets=self.secrets,
            root=Path("/"),
            image_environment=_image_environment(),
            app=APP,
            volumes={"state": self.state},
            binds={APP: str(ROOT)},
            python=SYSTEM_PYTHON,
        )

    def start(self, name: str) -> subprocess.Popen[bytes]:
        port = self.ports.get(name, "8000")
        words = [port if word == "8000" else word for word in self.services[name]["command"]]
        return self.container(name).start(words=words, log=self.log(name))

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def wait_until_healthy(self, name: str, program: subprocess.Popen[bytes]) -> None:
        end_at = time.monotonic() + START_SECONDS
        while not self.container(name).healthy(port=self.ports.get(name, "8000")):
            assert program.poll() is None, self.log(name).read_text()
            assert time.monotonic() < end_at, self.log(name).read_text()
            time.sleep(0.2)


def _image_environment() -> dict[str, str]:
    """What the Dockerfile sets, with the places of this machine."""
    text = (ROOT / "deploy/images/platform/Dockerfile").read_text()
    given = dict(re.findall(r"^(?:ENV| {3}) (\w+)=(\S+)", text, re.MULTILINE))
    packages = Path(sysconfig.get_path("purelib"))
    if packages.is_relative_to(ROOT):
        packages = APP / packages.relative_to(ROOT)
    return given | {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{APP}/platform:{APP}:{packages}"}


@pytest.fixture(scope="module")
def stack(postgres_server: Servers, valkey_server: Servers) -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="karez-compose-"))
    directory.chmod(0o755)
    yield Stack(directory=directory, servers=postgres_server)
    with psycopg.connect(postgres_server.cluster.superuser_url(), autocommit=True) as superuser:
        superuser.execute("ALTER ROLE karez_owner CREATEDB")  # as the suite's own start leaves it
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def running(stack: Stack) -> Iterator[Stack]:
    for name in ("roles", "migrate"):
        assert stack.start(name).wait(timeout=START_SECONDS) == 0, stack.log(name).read_text()
    programs = {name: stack.start(name) for name in LONG}
    try:
        for name, program in programs.items():
            stack.wait_until_healthy(name, program)
        yield stack
    finally:
        codes = {name: end(program) for name, program in programs.items()}
    # Asked to end, each ended by itself; uvicorn then raises the signal it was sent.
    assert {name: code for name, code in codes.items() if code not in (0, -15)} == {}


def test_every_service_becomes_healthy_and_the_platform_is_ready(running: Stack) -> None:
    answer = httpx.get(f"http://127.0.0.1:{running.ports['web']}/readyz", timeout=10)
    assert answer.status_code == 200
    assert answer.json()["parts"] == {
        "database": "ok",
        "broker": "ok",
        "engine": "not_configured",
        "embedding": "ok",
    }


def test_nothing_complains_of_a_root_that_cannot_be_written(running: Stack) -> None:
    for name in ("roles", "migrate", *LONG):
        said = running.log(name).read_text()
        assert "Read-only file system" not in said, said
        assert "Permission denied" not in said, said
        assert "Traceback" not in said, said


def test_the_surroundings_are_those_that_compose_promises(stack: Stack) -> None:
    look = (
        "import os, pathlib as p\n"
        "s = p.Path('/proc/self/status').read_text()\n"
        "def w(d):\n"
        "    try: p.Path(d, 'x').touch(); return d\n"
        "    except OSError as e: return e.strerror\n"
        "print(os.getuid(), os.getgid(), os.getgroups(), 'CapEff:\\t0000000000000000' in s, 'NoNewPrivs:\\t1' in s)\n"
        "print(*map(w, ('/tmp', '/var/lib/karez', '/', '/mnt', '/run', '/run/secrets', '/var/lib')), sep='|')\n"
        "print(*sorted(os.listdir('/run/secrets')))\n"
        "print(*sorted(n for n in os.environ if n.startswith('KAREZ_')))\n"
    )
    words = [SYSTEM_PYTHON, "-c", look]
    done = subprocess.run(stack.container("web").command(words), capture_output=True, text=True, check=True)
    ids, written, secrets, variables = done.stdout.splitlines()
    assert ids == f"{PLATFORM} {PLATFORM} [] True True"
    assert written.split("|")[:2] == ["/tmp", "/var/lib/karez"]
    assert set(written.split("|")[2:]) == {"Read-only file system"}
    assert secrets.split() == sorted(stack.services["web"]["secrets"])
    declared = {name for name in stack.services["web"]["environment"] if name.startswith("KAREZ_")}
    assert set(variables.split()) == declared | {"KAREZ_STATE_DIR"}


def test_the_account_can_read_only_its_own_secrets(stack: Stack) -> None:
    modes = {path.name: (path.stat().st_mode & 0o777, path.stat().st_uid) for path in stack.secrets.iterdir()}
    assert modes.pop("valkey_password") == (0o600, 999)
    assert set(modes.values()) == {(0o600, PLATFORM)}
    assert stack.secrets.stat().st_mode & 0o777 == 0o700


def test_secrets_are_made_once_and_never_replaced(stack: Stack) -> None:
    script = ROOT / "deploy/images/make-secrets.sh"
    before = {path.name: path.read_text() for path in stack.secrets.iterdir()}
    again = subprocess.run(["sh", script, stack.secrets], capture_output=True, text=True, check=True)
    assert again.stdout == ""
    assert {path.name: path.read_text() for path in stack.secrets.iterdir()} == before
    (stack.secrets / "embedding_api_key").unlink()
    again = subprocess.run(["sh", script, stack.secrets], capture_output=True, text=True, check=True)
    assert again.stdout == f"made {stack.secrets}/embedding_api_key\n"


def test_every_secret_of_the_compose_file_is_made(stack: Stack) -> None:
    assert {path.name for path in stack.secrets.iterdir()} == set(load()["secrets"])

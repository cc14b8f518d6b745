"""The part of the platform that takes documents in, as `make up` runs it: PostgreSQL, Valkey, the embedding service,
the web process, one worker for parsing, one for embedding, and beat. State is temporary."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import psycopg

from deploy.commands import EMBED_QUEUES, PARSE_PROCESSES, PARSE_QUEUES
from deploy.embedded.ports import LOOPBACK, find_free
from deploy.embedded.testing import Leashed, Servers, choose_servers, start_postgres, start_valkey

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 120


@dataclass
class Platform:
    directory: Path
    servers: Servers
    environment: dict[str, str]
    web_port: int
    embedding_port: int
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    leashed: list[Leashed] = field(default_factory=list)
    connection: psycopg.Connection | None = None

    def client(self, *, key: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://{LOOPBACK}:{self.web_port}/api/v1/",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
        )

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """As the superuser, past row-level security."""
        if self.connection is None:
            url = self.servers.cluster.superuser_url("karez")
            self.connection = psycopg.connect(url, connect_timeout=5, autocommit=True)
        return self.connection.execute(query, parameters).fetchall()

    def run(self, arguments: Sequence[str], **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("wb") as log:
            child = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.children.append(child)
        return child

    def wait_until_answering(self, url: str) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(url, timeout=5, trust_env=False).status_code < 500:
                    return
            time.sleep(0.1)
        raise TimeoutError(url)

    def make_key(self) -> str:
        """An API key of a new organisation's finance department."""
        made = self.run(["-m", "tests.controlplane.documents.crash.make_key"])
        return str(json.loads(made.splitlines()[-1])["key"])

    def stop(self) -> None:
        if self.connection is not None:
            self.connection.close()
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        for server in reversed(self.leashed):
            server.stop()
        for directory in (self.directory, self.servers.cluster.data):
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def running_platform(*, embedding_threads: int, embed_workers: int) -> Iterator[Platform]:
    """Started, migrated and answering; gone afterwards."""
    platform = _choose()
    try:
        _start(platform, embedding_threads=embedding_threads, embed_workers=embed_workers)
        yield platform
    finally:
        platform.stop()


def _choose() -> Platform:
    directory = Path(tempfile.mkdtemp(prefix="karez-bench-"))
    chosen = choose_servers(directory=directory)
    servers = replace(chosen, cluster=replace(chosen.cluster, throwaway=False))
    taken = {servers.cluster.port, servers.valkey.port}
    web_port = find_free(taken=frozenset(taken))
    embedding_port = find_free(taken=frozenset(taken | {web_port}))
    environment = {
        **os.environ,
        **servers.environment(),
        "KAREZ_EMBEDDING_URL": f"http://{LOOPBACK}:{embedding_port}/v1",
        "KAREZ_EMBEDDING_API_KEY": secrets.token_urlsafe(16),
        "DJANGO_SETTINGS_MODULE": "controlplane.settings",
        "PYTHONPATH": f"{ROOT}/platform{os.pathsep}{ROOT}",
        "OMP_WAIT_POLICY": "passive",
    }
    return Platform(directory, servers, environment, web_port, embedding_port)


def _start(platform: Platform, *, embedding_threads: int, embed_workers: int) -> None:
    platform.leashed.append(start_postgres(platform.servers))
    platform.leashed.append(start_valkey(platform.servers))
    owner = platform.environment["KAREZ_OWNER_DATABASE_URL"]
    platform.run(["manage.py", "migrate", "--noinput", "-v0"], KAREZ_DATABASE_URL=owner)
    embedding = ["-m", "inference.embedding.server", "--model", "use", "--host", LOOPBACK]
    embedding += ["--port", str(platform.embedding_port), "--threads", str(embedding_threads)]
    platform.start("embedding", embedding)
    web = ["-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--lifespan", "off"]
    platform.start("web", [*web, "--host", LOOPBACK, "--port", str(platform.web_port)])
    for name, queues, processes in (
        ("parse", PARSE_QUEUES, PARSE_PROCESSES),
        ("embed", EMBED_QUEUES, embed_workers),
    ):
        worker = ["-m", "celery", "-A", "controlplane.celery", "worker", "-Q", queues, "-c", str(processes)]
        platform.start(
            name, [*worker, "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "-l", "INFO"]
        )
    schedule = str(platform.directory / "schedule")
    platform.start(
        "beat", ["-m", "celery", "-A", "controlplane.celery", "beat", "-s", schedule, "--pidfile="]
    )
    platform.wait_until_answering(f"http://{LOOPBACK}:{platform.embedding_port}/health")
    platform.wait_until_answering(f"http://{LOOPBACK}:{platform.web_port}/api/v1/jobs")

"""A platform of its own, with handles to kill its parts by: PostgreSQL, Valkey, web, worker, beat."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from deploy.embedded.ports import LOOPBACK, find_free
from deploy.embedded.testing import Leashed, Servers, choose_servers, start_postgres, start_valkey
from tests.fakes.engine import FakeEngine

ROOT = Path(__file__).resolve().parents[4]
MODEL = "use-multilingual-v3"


class SlowEmbeddings(FakeEngine):
    """Takes its time, so that there is a middle to be killed in."""

    delay = 0.0

    async def _embeddings(self, request: Request) -> Response:
        await asyncio.sleep(self.delay)
        return await super()._embeddings(request)


def wait_for(condition: Callable[[], Any], *, seconds: float = 60, pause: float = 0.02) -> Any:
    """What `condition` gives once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(pause)
    raise AssertionError(f"nothing after {seconds} s")


@dataclass
class Program:
    """A Python program of the platform with its log."""

    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._start()
        threading.Thread(target=self._supervise, args=(self.process,), daemon=True).start()

    def _supervise(self, process: subprocess.Popen[bytes]) -> None:
        """As in production: what ends by itself is started again (a worker may, when its broker goes away)."""
        process.wait()
        if self.process is process:
            self.start()

    def _start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.pid).children()

    def kill_tree(self) -> None:
        """SIGKILL to the program and everything below it, at once."""
        process, self.process = self.process, None
        assert process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            for killed in [
                *psutil.Process(process.pid).children(recursive=True),
                psutil.Process(process.pid),
            ]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    killed.kill()
        process.wait()


@dataclass
class Stack:
    directory: Path
    embeddings: SlowEmbeddings
    servers: Servers = field(init=False)
    postgres: Leashed | None = None
    valkey: Leashed | None = None
    client: httpx.Client = field(init=False)
    tenant: str = ""

    def __post_init__(self) -> None:
        chosen = choose_servers(directory=self.directory)
        # Not the settings of a throw-away database: what is committed has to survive.
        self.servers = replace(chosen, cluster=replace(chosen.cluster, throwaway=False))
        port = find_free(taken=frozenset({chosen.cluster.port, chosen.valkey.port}))
        environment = {
            **os.environ,
            **self.servers.environment(),
            "KAREZ_EMBEDDING_URL": self.embeddings.base_url,
            "DJANGO_SETTINGS_MODULE": "tests.controlplane.documents.crash.settings",
            "PYTHONPATH": f"{ROOT}/platform{os.pathsep}{ROOT}",
        }
        self.environment = environment
        celery = ["-m", "celery", "-A", "controlplane.celery"]
        worker = ["worker", "-Q", "parse,embed,default", "-c", "2", "--without-gossip", "--without-mingle"]
        beat = ["beat", "-s", str(self.directory / "schedule"), "--pidfile="]
        web = ["-m", "uvicorn", "--factory", "django.core.asgi:get_asgi_application", "--lifespan", "off"]
        self.web = self._program("web", [*web, "--host", LOOPBACK, "--port", str(port)])
        self.worker = self._program("worker", [*celery, *worker, "-l", "INFO"])
        self.beat = self._program("beat", [*celery, *beat])
        self.client = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/api/v1/", timeout=30, trust_env=False)

    def _program(self, name: str, command: list[str]) -> Program:
        return Program(command=command, log=self.directory / f"{name}.log", environment=self.environment)

    def start(self) -> None:
        self.start_postgres()
        self.start_valkey()
        owner = self.environment | {"KAREZ_DATABASE_URL": self.environment["KAREZ_OWNER_DATABASE_URL"]}
        self._run(["manage.py", "migrate", "--noinput", "-v0"], owner)
        for program in (self.web, self.worker, self.beat):
            program.start()
        made = json.loads(
            self._run(["-m", "tests.controlplane.documents.crash.make_key"], self.environment).splitlines()[
                -1
            ]
        )
        self.tenant = made["tenant"]
        self.client.headers["Authorization"] = f"Bearer {made['key']}"
        wait_for(self._web_answers)
        wait_for(lambda: len(self.worker.children()) >= 2)

    def _run(self, command: list[str], environment: dict[str, str]) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout

    def _web_answers(self) -> bool:
        try:
            return self.client.get("jobs").status_code == 200
        except httpx.TransportError:
            return False

    def start_postgres(self) -> None:
        self.postgres = start_postgres(self.servers)

    def start_valkey(self) -> None:
        self.valkey = start_valkey(self.servers)

    def kill_postgres(self) -> None:
        """SIGKILL to the postmaster and every backend."""
        assert self.postgres is not None
        data = self.servers.cluster.data
        postmaster = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.postgres.stop()

    def kill_valkey(self, *, forget: bool = False) -> None:
        """SIGKILL; `forget`: with everything it had written."""
        assert self.valkey is not None
        for process in psutil.Process(self.valkey.leash.pid).children(recursive=True):
            os.kill(process.pid, signal.SIGKILL)
        self.valkey.stop()
        if forget:
            for path in self.servers.valkey.directory.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)

    def stop(self) -> None:
        self.client.close()
        for program in (self.beat, self.worker, self.web):
            if program.process is not None:
                program.kill_tree()
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """As the superuser, past row-level security."""
        url = self.servers.cluster.superuser_url("karez")
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(query, parameters).fetchall()  # type: ignore[arg-type]

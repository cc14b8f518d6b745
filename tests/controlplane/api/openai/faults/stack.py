"""The data plane alone, every part of it to be killed: two engines, two gateways, the ledger's process, Valkey, PostgreSQL."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from controlplane.metering.journal import slots
from deploy import commands
from deploy.embedded.ports import LOOPBACK, find_free
from deploy.embedded.testing import choose_servers
from tests.controlplane.api.openai.faults.engine import MODEL
from tests.controlplane.documents.crash.stack import Program, Stack, wait_for

ENGINE = "tests.controlplane.api.openai.faults.engine"


class DataPlane(Stack):
    """Parts that end are started again, as in production."""

    def __init__(self, *, directory: Path) -> None:
        self.directory = directory
        chosen = choose_servers(directory=directory)
        # What is committed has to survive a kill.
        self.servers = replace(chosen, cluster=replace(chosen.cluster, throwaway=False))
        self.postgres = self.valkey = None
        ports: list[int] = []
        while len(ports) < 4:
            ports.append(find_free(taken=frozenset({*ports, chosen.cluster.port, chosen.valkey.port})))
        self.engine_ports, self.gateway_ports = ports[:2], ports[2:]
        engines = [{"name": MODEL, "url": f"http://{LOOPBACK}:{port}/v1"} for port in self.engine_ports]
        self.environment = {
            **os.environ,
            **self.servers.environment(),
            "KAREZ_STATE_DIR": str(directory / "state"),
            "KAREZ_ENGINES": json.dumps(engines),
            "KAREZ_EMBEDDING_URL": f"http://{LOOPBACK}:9/v1",  # asked by nobody
            "PYTHONPATH": f"{Path.cwd()}/platform{os.pathsep}{Path.cwd()}",
        }
        self.engine_log = directory / "asked.log"
        self.engine_log.touch()
        self.engines = [
            self._program(f"engine-{port}", ["-m", ENGINE, str(port), str(self.engine_log)])
            for port in self.engine_ports
        ]
        self.gateways = [
            self._program(f"gateway-{port}", [*commands.gateway(host=LOOPBACK, port=port)])
            for port in self.gateway_ports
        ]
        self.ledger = self._program("ledger", [*commands.ledger()])
        self.key = ""

    def __repr__(self) -> str:
        return f"DataPlane({self.directory})"

    def start(self) -> None:
        self.start_postgres()
        self.start_valkey()
        owner = self.environment | {"KAREZ_DATABASE_URL": self.environment["KAREZ_OWNER_DATABASE_URL"]}
        self._run(["manage.py", "migrate", "--noinput", "-v0"], owner)
        made = self._run(["-m", "tests.controlplane.documents.crash.make_key"], self._django())
        self.key = json.loads(made.splitlines()[-1])["key"]
        for program in (*self.engines, *self.gateways, self.ledger):
            program.start()
        for port in (*self.engine_ports, *self.gateway_ports):
            wait_for(lambda port=port: _listens(port), seconds=120)

    def _django(self) -> dict[str, str]:
        return self.environment | {"DJANGO_SETTINGS_MODULE": "controlplane.settings"}

    def stop(self) -> None:
        for program in (*self.gateways, self.ledger, *self.engines):
            if program.process is not None:
                program.kill_tree()
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()

    def kill(self, *programs: Program) -> None:
        """All at once, and start them again; comes back when those that serve do so."""
        for program in programs:
            program.kill_tree()
        for program in programs:
            program.start()
        for program, port in zip(
            (*self.engines, *self.gateways), (*self.engine_ports, *self.gateway_ports), strict=True
        ):
            if program in programs:
                wait_for(lambda port=port: _listens(port), seconds=120)

    def asked(self) -> list[str]:
        """Whom the engines began to answer, one entry each time."""
        return self.engine_log.read_text().split()

    def under_way(self) -> int:
        """Answers that the engines are still working on."""
        counts = [
            httpx.get(f"http://{LOOPBACK}:{port}/under-way", trust_env=False) for port in self.engine_ports
        ]
        return sum(int(count.json()) for count in counts)

    def slots_in_use(self) -> int:
        """Requests that the living gateways believe to be under way."""
        files = (self.directory / "state" / "journal").glob(f"*/{slots.NAME}-*")
        return sum(len(list(slots.read_slots(file))) for file in files)

    def entries(self) -> list[tuple[Any, ...]]:
        """Of the ledger: who asked, outcome, code, and the four counts."""
        return self.rows(
            "SELECT end_user, outcome, code, prompt_tokens, cached_tokens, completion_tokens, is_estimated"
            " FROM metering_ledgerentry ORDER BY end_user"
        )

    def take_the_rest(self) -> None:
        """What is noted and not in the ledger yet."""
        self.ledger.kill_tree()
        self._run(["manage.py", "ledger", "--once"], self.environment)


def _listens(port: int) -> bool:
    try:
        httpx.get(f"http://{LOOPBACK}:{port}/v1/models", trust_env=False, timeout=5)
    except httpx.TransportError:
        return False
    return True

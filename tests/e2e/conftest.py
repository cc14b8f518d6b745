"""The whole platform as `make up` starts it, on state that is thrown away."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
READY = "Karez is ready"
START_SECONDS = 600
STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Platform:
    base_url: str
    access: dict[str, Any]
    state: Path
    transcript: str

    def department(self, slug: str) -> dict[str, str]:
        departments = self.access["tenants"][0]["departments"]
        return next(d for d in departments if d["slug"] == slug)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def begin(state: Path, *, before: tuple[str, ...] = (), **more: str) -> subprocess.Popen[str]:
    """`before`: a command that starts the platform's; `more`: settings."""
    # The suite's own settings must not reach it: it finds everything by itself, as for a newcomer.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAREZ_") or k in KEPT}
    environment |= {"KAREZ_STATE_DIR": str(state), "KAREZ_PORT": str(free_port()), **more}
    environment.setdefault("KAREZ_MODEL", "0.5b")
    return subprocess.Popen(
        [*before, sys.executable, "-m", "deploy.embedded", "up"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    state = tmp_path_factory.mktemp("坎儿井 state")
    process = begin(state)
    timer = threading.Timer(START_SECONDS, process.kill)
    timer.start()
    try:
        transcript = "".join(until_ready(process))
        timer.cancel()
        access = json.loads((state / "access.json").read_text(encoding="utf-8"))
        drain = threading.Thread(target=lambda: [None for _ in process.stdout or ()], daemon=True)
        drain.start()
        yield Platform(base_url=access["base_url"], access=access, state=state, transcript=transcript)
    finally:
        timer.cancel()
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 0


KEPT = (
    "KAREZ_CACHE_DIR",
    "KAREZ_MODEL",
    "KAREZ_MODEL_DIR",
    "KAREZ_SHARED_DIR",
    "KAREZ_PG_BIN",
    "KAREZ_VALKEY_BIN",
)


def until_ready(process: subprocess.Popen[str]) -> Iterator[str]:
    lines = []
    for line in process.stdout or ():
        lines.append(line)
        yield line
        if READY in line:
            return
    pytest.fail("the platform did not start:\n" + "".join(lines[-60:]))

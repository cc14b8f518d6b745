"""Servers and model files that several tests of this package share."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from inference.bundled import ModelError, default_cache_dir, find_local_model

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class RunningServer:
    """A server process of ours that has said it is ready."""

    process: subprocess.Popen[str]
    ready: dict[str, object]

    @property
    def address(self) -> str:
        """``http://127.0.0.1:PORT``."""
        return str(self.ready["address"])


def free_port() -> int:
    """A port nobody listened on a moment ago, below the ephemeral range of outgoing connections."""
    for port in range(20_000 + os.getpid() % 10_000, 32_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def start_server(module: str, *arguments: str, **environment: str) -> RunningServer:
    """Start ``python -m module`` and wait for its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{module} ended with {process.wait()} before it was ready")
    return RunningServer(process, json.loads(line))


@contextmanager
def running_server(module: str, *arguments: str, **environment: str) -> Iterator[RunningServer]:
    """A server for the length of the block."""
    server = start_server(module, *arguments, **environment)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The 0.5B file where it already lies; nothing is fetched for a test."""
    try:
        found = find_local_model(name="0.5b", cache_dir=default_cache_dir())
    except ModelError as error:
        pytest.skip(f"the 0.5B model is not usable: {error}")
    if not found:
        pytest.skip("the 0.5B model is in neither KAREZ_MODEL_DIR nor the cache (KAREZ_CACHE_DIR)")
    return found


@pytest.fixture(scope="session")
def llama(small_model: Path) -> Iterator[RunningServer]:
    """The bundled engine with the 0.5B model, two slots, key ``test-key``."""
    arguments = (
        "--model",
        str(small_model),
        "--alias",
        "small",
        "--port",
        str(free_port()),
        "--context",
        "2048",
    )
    with running_server("inference.llamacpp.server", *arguments, KAREZ_ENGINE_API_KEY="test-key") as server:
        yield server

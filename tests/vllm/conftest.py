"""Two real vLLM servers for the whole run, and Karez's gateway before them."""

import asyncio
import json
import os
import re
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from deploy.embedded.ports import find_free
from inference.bundled import default_cache_dir
from inference.vllm import FlagValue, VllmLaunch, VllmServer
from tests.controlplane.api.openai.conftest import Served, configure, served
from tests.controlplane.organisations import Organisation, make_organisation
from tests.vllm.environment import NotInstallableError, ensure_environment
from tests.vllm.models import DENSE, LATENT, ensure_models

__all__ = ["served"]

# `python -m tests` asks for it, and who names these tests must.
WANTED = "KAREZ_TEST_VLLM"
API_KEY = "sk-of-the-engines"
CONTEXT_TOKENS = 4096
START_SECONDS = 600
FLAGS: dict[str, FlagValue] = {
    "dtype": "float32",  # in half the precision the choice of experts changes now and then
    # Else a processor with AMX gets kernels that know half the precision alone, and the server does not start.
    "attention-backend": "CPU_MLA",
    "enforce-eager": True,  # compiling takes a minute
    "kv-cache-memory-bytes": "128M",  # else nine tenths of the machine
    "max-model-len": CONTEXT_TOKENS,
    "max-num-seqs": 8,
    "reasoning-parser": "deepseek_r1",
    "enable-auto-tool-choice": True,
    "tool-call-parser": "deepseek_v3",
    "enable-prompt-tokens-details": True,
    "structured-outputs-config": {"backend": "xgrammar", "disable_any_whitespace": True},
}
# Of its own accord it takes every core of the machine, and what is tested beside it gets none for seconds.
THREADS = {"VLLM_CPU_OMP_THREADS_BIND": "nobind", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Engine:
    """A vLLM that runs. Everything here goes past Karez."""

    server: VllmServer

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.launch.port}"

    def count(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        text, total = httpx.get(f"{self.address}/metrics", timeout=10).text, 0.0
        for found, value in re.findall(rf"^{re.escape(name)}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE):
            if all(f'{label}="{wanted}"' in found for label, wanted in labels.items()):
                total += float(value)
        return total

    def tokens(self, *, text: str) -> int:
        """How many tokens a question of that text is, template included."""
        body = {"model": self.server.launch.served_name, "messages": [{"role": "user", "content": text}]}
        return int(httpx.post(f"{self.address}/tokenize", json=body, timeout=30).json()["count"])


@dataclass(frozen=True, slots=True)
class Engines:
    latent: Engine
    dense: Engine


class Loop:
    """An event loop of its own, for servers that outlive each test's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_SECONDS * 2)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def describe(*, program: Path, models: Path, name: str, log: Path, port: int) -> VllmLaunch:
    return VllmLaunch(
        model=str(models / name),
        served_name=name,
        port=port,
        log=log,
        api_key=API_KEY,
        flags=FLAGS,
        environment=THREADS,
        program=(str(program / "bin/vllm"),),
    )


# They are ended after the last of these tests: even idle they take a tenth of a core each.
@pytest.fixture(scope="package")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Both, started side by side. Unasked, every test is skipped and says how to ask; where vLLM cannot be installed, why."""
    cache = default_cache_dir()
    if not os.environ.get(WANTED):
        pytest.skip(
            "REAL vLLM IS NOT TESTED: `make test-vllm` installs it (2.1 GB, once) and runs these tests."
        )
    try:
        program = ensure_environment(cache=cache)
        models = ensure_models(environment=program, cache=cache)
    except NotInstallableError as error:
        pytest.skip(f"REAL vLLM IS NOT TESTED: it cannot be installed here: {error}")
    logs, loop = tmp_path_factory.mktemp("vllm"), Loop()
    servers: list[VllmServer] = []
    for name in (LATENT, DENSE):
        port = find_free(taken=frozenset(server.launch.port for server in servers))
        launch = describe(program=program, models=models, name=name, log=logs / f"{name}.log", port=port)
        servers.append(VllmServer(launch=launch, ready_seconds=START_SECONDS))

    async def start() -> None:
        await asyncio.gather(*(server.start() for server in servers))

    async def stop() -> None:
        await asyncio.gather(*(server.stop() for server in servers))

    try:
        loop.run(start())
        yield Engines(*map(Engine, servers))
    finally:
        loop.run(stop())
        loop.close()


@dataclass(frozen=True, slots=True)
class Gateway:
    """Karez's `/v1`, as somebody with a key sees it: `reasoner` is the latent model, `chat` the dense one."""

    base_url: str
    key: str
    organisation: Organisation

    @property
    def client(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{self.base_url}/v1", api_key=self.key, max_retries=0, timeout=60)


@pytest.fixture
def gateway(committed: None, served: Served, engines: Engines, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    rows = [
        {
            "name": f"engine-{engine.server.launch.served_name}",
            "url": engine.address,
            "model": engine.server.launch.served_name,
            "api_key": API_KEY,
            "routes": [route],
        }
        for route, engine in (("reasoner", engines.latent), ("chat", engines.dense))
    ]
    configure(monkeypatch, engines=json.dumps(rows))
    organisation = make_organisation()
    return Gateway(served.base_url, organisation.key(organisation.finance).presented, organisation)

"""The bundled 0.5B model on its real engine. Skipped where the model file is not there."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import httpx
import psutil
import pytest

from inference.client import EngineClient, Message
from inference.endpoints import EngineEndpoint, parse_endpoints, resolve
from inference.errors import EngineRejected
from inference.llamacpp.server import parse_settings
from tests.inference.conftest import REPOSITORY, RunningServer, free_port, running_server

MODULE = "inference.llamacpp.server"
KEY = {"KAREZ_ENGINE_API_KEY": "test-key"}


def client_of(server: RunningServer, key: str = "test-key") -> EngineClient:
    endpoint = EngineEndpoint(name="small", base_url=f"{server.address}/v1", model="small", api_key=key)
    return EngineClient(endpoint=endpoint)


async def test_a_cited_fact_is_found(llama: RunningServer) -> None:
    client = client_of(llama)
    prompt = (
        "资料：贷款档案的保存期限为结清后三十年。\n\n问题：贷款档案保存多久？\n请根据资料用完整的句子回答："
    )
    found = await client.chat(
        messages=[Message("system", "你是企业知识库助手。"), Message("user", prompt)],
        params={"temperature": 0, "max_tokens": 40},
    )
    await client.aclose()
    assert "三十年" in found.content or "30年" in found.content
    assert found.finish_reason == "stop"
    assert found.usage is not None
    assert 20 < found.usage.prompt_tokens < 80
    assert 3 < found.usage.completion_tokens <= 40


async def test_the_token_limit(llama: RunningServer) -> None:
    found = await client_of(llama).chat(
        messages=[Message("user", "从一数到一百。")], params={"max_tokens": 3, "temperature": 0}
    )
    assert (found.finish_reason, found.usage and found.usage.completion_tokens) == ("length", 3)


async def test_closing_the_stream_stops_the_engine(llama: RunningServer) -> None:
    client = client_of(llama)
    question = [Message("user", "写一个很长很长的故事，至少两千字。")]
    async with aclosing(client.stream_chat(messages=question, params={"max_tokens": 1500})) as deltas:
        assert (await anext(deltas)).content
    await client.aclose()
    await asyncio.sleep(1.0)
    process = psutil.Process(llama.process.pid)
    before = process.cpu_times().user
    await asyncio.sleep(1.0)
    assert process.cpu_times().user - before < 0.2


async def test_a_bare_url_is_enough(llama: RunningServer) -> None:
    endpoints = parse_endpoints(value=f"{llama.address}", default_api_key="test-key")
    (found,) = await resolve(endpoints=endpoints)
    assert (found.name, found.model, found.kind, found.routes) == ("small", "small", "chat", ("chat", "auto"))
    assert await EngineClient(endpoint=found).probe() < 20


async def test_a_wrong_key(llama: RunningServer) -> None:
    with pytest.raises(EngineRejected) as caught:
        await client_of(llama, key="wrong").chat(messages=[Message("user", "你好")])
    assert caught.value.status == 401


def test_openmp_does_not_spin(llama: RunningServer) -> None:
    assert psutil.Process(llama.process.pid).environ()["OMP_WAIT_POLICY"] == "passive"
    assert httpx.get(f"{llama.address}/health").json() == {"status": "ok"}


def test_memory(llama: RunningServer) -> None:
    assert psutil.Process(llama.process.pid).memory_info().rss < 900 * 1024**2


def test_stopping_dying_with_the_parent_and_a_taken_port(small_model: Path) -> None:
    arguments = ["--model", str(small_model), "--alias", "s", "--context", "256", "--slots", "1", "--port"]
    port = str(free_port())
    with running_server(MODULE, *arguments, port, **KEY) as server:
        assert run(*arguments, port).returncode == 4
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=5) == 0
        assert time.monotonic() - started < 2
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            (
                "import subprocess, sys; c = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE);"
                "c.stdout.readline(); print(c.pid, flush=True); sys.stdin.read()"
            ),
            *[sys.executable, "-m", MODULE, *arguments, port],
        ],
        cwd=REPOSITORY,
        env={**os.environ, **KEY},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        child.wait(timeout=5)
    assert not child.is_running()


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The server's command, for cases in which it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", MODULE, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **KEY, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    port = str(free_port())
    missing = run("--model", str(tmp_path / "none.gguf"), "--alias", "x", "--port", port)
    assert (missing.returncode, "none.gguf" in missing.stderr) == (3, True)
    corrupt = run("--model", str(broken), "--alias", "x", "--port", port)
    assert (corrupt.returncode, "broken.gguf" in corrupt.stderr) == (3, True)
    keyless = run("--model", str(broken), "--alias", "x", "--port", port, KAREZ_ENGINE_API_KEY="")
    assert (keyless.returncode, "KAREZ_ENGINE_API_KEY" in keyless.stderr) == (2, True)


def test_settings() -> None:
    found = parse_settings(
        arguments=["--model", "m.gguf", "--alias", "a", "--port", "9", "--slots", "4", "--context", "512"],
        environment=KEY,
    )
    assert (found.slots, found.context, found.host, found.repack, found.api_key) == (
        4,
        512,
        "127.0.0.1",
        False,
        "test-key",
    )
    assert "test-key" not in repr(found)
    with pytest.raises(SystemExit):
        parse_settings(arguments=["--model", "m", "--alias", "a", "--port", "0"], environment=KEY)

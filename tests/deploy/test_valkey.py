"""Valkey: a password, an append-only file that outlives kill -9, and no eviction."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.embedded.testing import Servers, choose_servers, start_valkey, throw_away
from tests.deploy.processes import wait_for, within


@pytest.fixture
def throwaway() -> Iterator[Servers]:
    directory = Path(tempfile.mkdtemp(prefix="karez-vk-")) / "带空格的 目录"
    directory.mkdir()
    chosen = choose_servers(directory=directory)
    yield chosen
    throw_away(chosen)
    shutil.rmtree(directory.parent)


def test_what_was_written_outlives_a_kill(throwaway: Servers) -> None:
    running = start_valkey(throwaway)
    client = redis.Redis.from_url(throwaway.valkey.url(0))
    client.lpush("celery", "task")
    wait_for(lambda: client.info("persistence")["aof_pending_bio_fsync"] == 0)
    server = next(
        pid for pid, line in within(throwaway.valkey.directory).items() if "valkey-server 127" in line
    )
    os.kill(server, signal.SIGKILL)
    assert running.leash.wait(timeout=5) == -signal.SIGKILL

    running = start_valkey(throwaway)
    assert client.lrange("celery", 0, -1) == [b"task"]
    running.stop()


def test_it_asks_for_the_password_and_never_drops_messages(valkey_server: Servers) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey_server.valkey.port, host="127.0.0.1").ping()
    client = redis.Redis.from_url(valkey_server.valkey.url(1))
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}
    assert client.config_get("bind") == {"bind": "127.0.0.1"}

"""The supervised process, with a program that stands in for vLLM's; tests/vllm starts the real one."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from inference.vllm import Restarting, ServerFailed, VllmLaunch, VllmServer
from inference.vllm.log import LARGEST_BYTES, RotatedLog
from tests.inference.conftest import REPOSITORY, free_port

STANDIN = (sys.executable, str(Path(__file__).with_name("standin.py")))
QUICK = Restarting(attempts=2, first_pause=0.05, longest_pause=0.1)
Make = Callable[..., VllmServer]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[VllmServer] = []

    def make_server(*, stop_seconds: float = 5.0, ready_seconds: float = 30.0, **flags: Any) -> VllmServer:
        launch = VllmLaunch(
            model="/models/tiny",
            served_name="tiny",
            port=free_port(),
            log=tmp_path / "log/tiny.log",
            api_key="sk-test",
            flags=flags,
            program=STANDIN,
        )
        server = VllmServer(
            launch=launch, restarting=QUICK, stop_seconds=stop_seconds, ready_seconds=ready_seconds
        )
        made.append(server)
        return server

    yield make_server
    for server in made:
        await server.stop()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_it_is_ready_when_a_request_was_answered_and_gone_when_it_was_stopped(make: Make) -> None:
    server = make()
    await server.start()
    pid = server.state.pid
    assert server.state.phase == "ready"
    assert pid is not None
    assert alive(pid)
    log = server.launch.log.read_text()
    assert "VLLM_API_KEY" in log
    assert "KAREZ_" not in log
    assert server.launch.log.stat().st_mode & 0o777 == 0o600
    await server.stop()
    assert (server.state.phase, server.state.pid) == ("stopped", None)
    assert not alive(pid)


async def test_what_does_not_obey_is_killed_with_its_workers(make: Make) -> None:
    server = make(behaviour="deaf", stop_seconds=0.3)
    await server.start()
    worker = int(server.launch.log.read_text().partition("worker ")[2].split()[0])
    assert alive(worker)
    await server.stop()
    await eventually(lambda: not alive(worker))  # the system takes a moment on a busy machine


async def test_a_server_that_dies_is_started_again(make: Make, tmp_path: Path) -> None:
    server = make(behaviour="once", state=str(tmp_path / "starts"))
    await server.start()
    first = server.state.pid
    await eventually(lambda: server.state.phase == "ready" and server.state.pid != first)
    assert server.state.restarts == 1
    assert server.state.crash is not None
    assert server.state.crash.code == "killed"


async def test_a_restart_is_another_process(make: Make) -> None:
    server = make()
    await server.start()
    first = server.state.pid
    await server.restart()
    assert server.state.phase == "ready"
    assert server.state.pid not in (None, first)


async def test_what_fails_for_good_is_not_tried_again(make: Make, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    says = "vllm: error: unrecognized arguments: --no-such-flag"
    server = make(behaviour="ends", says=says, state=str(starts))
    with pytest.raises(ServerFailed, match="unrecognized arguments: --no-such-flag") as failure:
        await server.start()
    assert failure.value.crash.code == "unsupported_flag"
    assert (server.state.phase, starts.read_text()) == ("failed", "1")


async def test_what_may_pass_is_tried_as_often_as_allowed(make: Make, tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    server = make(behaviour="ends", says="torch.OutOfMemoryError: CUDA out of memory.", state=str(starts))
    with pytest.raises(ServerFailed) as failure:
        await server.start()
    assert failure.value.crash.code == "out_of_memory"
    assert starts.read_text() == "2"


async def test_a_server_that_never_answers_is_given_up(make: Make) -> None:
    server = make(behaviour="mute", ready_seconds=0.5)
    with pytest.raises(ServerFailed) as failure:
        await server.start()
    assert failure.value.crash.code == "not_ready"


async def test_a_port_that_is_taken_is_named_before_anything_starts(make: Make) -> None:
    server = make()
    with socket.create_server(("127.0.0.1", server.launch.port)), pytest.raises(ServerFailed) as failure:
        await server.start()
    assert failure.value.crash.code == "port_in_use"
    assert not server.launch.log.exists()


async def test_a_command_that_is_not_there_is_named(make: Make, tmp_path: Path) -> None:
    given = make().launch
    launch = VllmLaunch(
        model=given.model,
        served_name="tiny",
        port=given.port,
        log=given.log,
        api_key="k",
        program=(str(tmp_path / "vllm"),),
    )
    server = VllmServer(launch=launch, restarting=QUICK)
    with pytest.raises(ServerFailed, match="No such file or directory") as failure:
        await server.start()
    assert failure.value.crash.code == "not_startable"


async def test_stopping_does_not_wait_for_readiness(make: Make) -> None:
    server = make(behaviour="mute")
    starting = asyncio.create_task(server.start())
    await eventually(lambda: server.state.phase == "starting")
    begin = time.monotonic()
    await server.stop()
    with pytest.raises(ServerFailed, match="stopped while it started"):
        await starting
    assert time.monotonic() - begin < 5


OWNER = """
import asyncio, sys
from pathlib import Path
from inference.vllm import VllmLaunch, VllmServer
port, log, standin = sys.argv[1:]
launch = VllmLaunch(model="/m", served_name="tiny", port=int(port), log=Path(log), api_key="k",
                    program=(sys.executable, standin))
async def run():
    server = VllmServer(launch=launch)
    await server.start()
    print(server.state.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(run())
"""


def test_it_ends_with_whoever_started_it_however_that_one_ends(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(free_port()), str(tmp_path / "log"), STANDIN[1]],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    assert alive(pid)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_log_is_kept_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "vllm.log"
    log = RotatedLog(path=path)
    block = b"x" * (LARGEST_BYTES // 2)
    for _ in range(12):
        log.write(block)
    log.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "vllm.log",
        "vllm.log.1",
        "vllm.log.2",
        "vllm.log.3",
    ]
    assert all(file.stat().st_size <= LARGEST_BYTES for file in tmp_path.iterdir())

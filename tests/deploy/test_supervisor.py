"""No process outlives its supervisor; a child that ends is started again, with its reason shown."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.processes import MARKER, kill_marked, marked, wait_for

ROOT = Path(__file__).parents[2]

READY = "import os, time, pathlib; pathlib.Path(os.environ['READY']).touch(); "
SLEEP = READY + "time.sleep(300)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
# A worker of a worker, in a session of its own, that ignores every polite request.
GRANDCHILD = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(300)"
SPAWN = f"subprocess.Popen([sys.executable, '-c', {GRANDCHILD!r}], start_new_session=True); "
PARENT = "import subprocess, sys; " + SPAWN + SLEEP
# The usual daemon: a grandchild whose parent has gone.
DAEMON = "import os, subprocess, sys\nif os.fork() == 0:\n    " + SPAWN + "os._exit(0)\nos.wait(); " + SLEEP


@dataclass(frozen=True)
class Run:
    program: subprocess.Popen[bytes]
    marker: str
    directory: Path

    def said(self) -> str:
        return (self.directory / "said").read_text()

    def until_up(self) -> None:
        wait_for(lambda: self.said().endswith("up\n"), what="up")


Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runs: list[Run] = []

    def begin(**codes: str) -> Run:
        marker = uuid.uuid4().hex
        named = [f"{name}={code}" for name, code in codes.items()]
        with (tmp_path / "said").open("wb") as output:
            program = subprocess.Popen(
                [sys.executable, "-m", "tests.deploy.supervised", str(tmp_path), *named],
                cwd=ROOT,
                env={**os.environ, MARKER: marker, "PYTHONUNBUFFERED": "1"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        runs.append(Run(program=program, marker=marker, directory=tmp_path))
        return runs[-1]

    yield begin
    for run in runs:
        run.program.kill()
        run.program.wait()
        kill_marked(run.marker)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_supervisor_ends_every_process(start: Start, number: int) -> None:
    run = start(plain=SLEEP, deaf=DEAF, parent=PARENT, daemon=DAEMON)
    run.until_up()
    assert len(marked(run.marker)) == 1 + 4 + 4 + 2  # itself, leashes, children, grandchildren

    run.program.send_signal(number)

    assert run.program.wait(timeout=10) == (-9 if number == signal.SIGKILL else 0)
    wait_for(lambda: not marked(run.marker), seconds=5, what="no process left")


def test_a_supervisor_that_is_killed_while_stopping_leaves_nothing(start: Start) -> None:
    run = start(deaf=DEAF, parent=PARENT)
    run.until_up()
    run.program.terminate()
    run.program.kill()
    wait_for(lambda: not marked(run.marker), seconds=5, what="no process left")


def test_a_killed_leash_takes_its_tree_along_and_the_child_is_started_again(start: Start) -> None:
    run = start(parent=PARENT, daemon=DAEMON)
    run.until_up()
    leash = next(pid for pid, line in marked(run.marker).items() if "leash.py" in line and "daemon" in line)
    before = set(marked(run.marker))

    os.kill(leash, signal.SIGKILL)

    wait_for(lambda: "ready again (restart 1)" in run.said(), what="restart")
    left = set(marked(run.marker)) & before
    assert len(left) == 1 + 3  # the supervisor, and the untouched leash, child and grandchild of `parent`
    assert len(marked(run.marker)) == 1 + 6


def test_a_crash_is_answered_with_back_off_and_its_reason(start: Start) -> None:
    once = (
        "import os, pathlib, sys\n"
        "count = pathlib.Path(os.environ['DIRECTORY'], 'count')\n"
        "n = len(count.read_text()) if count.exists() else 0\n"
        "count.write_text('x' * (n + 1))\n"
        "pathlib.Path(os.environ['READY']).touch()\n"
        "import time; time.sleep(0.3)\n"
        "if n == 0: print('the disk is on fire'); sys.exit(7)\n"
        "if n == 1: os.kill(os.getpid(), 11)\n"
        "time.sleep(300)\n"
    )
    run = start(flaky=once)
    run.until_up()
    wait_for(lambda: "ready again (restart 2)" in run.said(), what="second restart")
    said = run.said()
    assert (
        "flaky         ended: exit code 7; starting again in 0.1 s\n          | the disk is on fire\n" in said
    )
    assert "flaky         ended: killed by SIGSEGV; starting again in 0.2 s\n" in said


def test_a_child_that_never_comes_up_ends_the_start_with_its_log(start: Start) -> None:
    run = start(fine=SLEEP, broken="print('cannot bind 127.0.0.1:1'); raise SystemExit(3)")
    assert run.program.wait(timeout=20) == 1
    said = run.said()
    assert said.count("starting again") == 2
    assert (
        f"failed: broken: exit code 3 (log: {run.directory / 'broken.log'})\ncannot bind 127.0.0.1:1\n"
        in said
    )
    assert marked(run.marker) == {}


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    leash = ROOT / "deploy/embedded/leash.py"
    read, write = os.pipe()
    options = [
        f"--control={read}",
        f"--log={tmp_path / 'log'}",
        "--cwd=/",
        "--stop-signal=15",
        "--death-signal=9",
    ]
    command = [
        sys.executable,
        "-I",
        "-S",
        str(leash),
        *options,
        "--grace=1",
        "--tee=0",
        "--",
        "/no/such/program",
    ]
    assert subprocess.run(command, pass_fds=[read], timeout=10).returncode == 127
    os.close(write)
    assert (tmp_path / "log").read_text().startswith("cannot run /no/such/program: [Errno 2]")


def test_the_log_is_rotated_by_size(tmp_path: Path) -> None:
    leash = ROOT / "deploy/embedded/leash.py"
    read, write = os.pipe()
    log = tmp_path / "log"
    options = [f"--control={read}", f"--log={log}", "--cwd=/", "--stop-signal=15", "--death-signal=9"]
    flood = "import sys; [sys.stdout.write('x' * 1023 + '\\n') for _ in range(52 * 1024)]"
    command = [
        sys.executable,
        "-I",
        "-S",
        str(leash),
        *options,
        "--grace=1",
        "--tee=0",
        "--",
        sys.executable,
        "-c",
        flood,
    ]
    assert subprocess.run(command, pass_fds=[read], timeout=60).returncode == 0
    os.close(write)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1", "log.2", "log.3"]
    assert all(path.stat().st_size <= 10 * 1024 * 1024 for path in tmp_path.iterdir())
    assert log.stat().st_mode & 0o777 == 0o600

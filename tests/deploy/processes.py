"""Finding the processes of a test by a marker in their environment."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

MARKER = "KAREZ_TEST_MARKER"


def marked(marker: str) -> dict[int, str]:
    """Command line by process id, of every process that is not a zombie and carries the marker."""
    wanted = f"{MARKER}={marker}".encode()
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], object], *, seconds: float = 15, what: str = "condition") -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what} not reached in {seconds} s"
        time.sleep(0.05)


def kill_marked(marker: str) -> None:
    for pid in marked(marker):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def within(directory: Path) -> dict[int, str]:
    """Command line by process id, of every process that works in the directory or names it, zombies apart."""
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            named = os.fsencode(directory) in (process / "environ").read_bytes()
            works_there = (process / "cwd").readlink().is_relative_to(directory)
        except OSError:
            continue
        if works_there or named or str(directory) in command:
            found[int(process.name)] = command
    return found


def kill_within(directory: Path) -> None:
    for pid in within(directory):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue

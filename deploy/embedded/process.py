"""What the supervisor runs: the description of a process, and how one is started on its leash."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.embedded.account import Account

LEASH = Path(__file__).with_name("leash.py")
TAIL_BYTES = 16 * 1024

Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Process:
    """A long-running process when `ready` is given, else one that is expected to end with exit code 0."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(repr=False)
    directory: Path = Path("/")
    account: Account | None = None
    ready: Probe | None = None
    ready_seconds: float = 60
    before_start: Callable[[], None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 5
    death_signal: signal.Signals = signal.SIGKILL  # what the kernel sends if even the leash is killed
    note: str = ""  # shown when it is ready: its address


class Leashed:
    """A process that runs: its leash, and the pipe whose end of life is the process's."""

    def __init__(self, *, process: Process, leash: asyncio.subprocess.Process, control: int) -> None:
        self.process = process
        self.leash = leash
        self._control = control

    @property
    def pid(self) -> int:
        """Of the leash; the process and all its children are below it."""
        return self.leash.pid

    @property
    def output(self) -> asyncio.StreamReader | None:
        return self.leash.stdout

    def stop(self) -> None:
        """Ask it to end within its `stop_seconds`, after which its tree is killed."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGQUIT)

    def _send(self, number: signal.Signals) -> None:
        if self.leash.returncode is None:
            self.leash.send_signal(number)

    async def wait(self) -> int:
        """The exit code, or minus the number of the signal that ended it."""
        code = await self.leash.wait()
        if self._control >= 0:
            os.close(self._control)
            self._control = -1
        return code


async def start(*, process: Process, lock: int | None = None, echo: bool = False) -> Leashed:
    """`lock`, a descriptor, stays open until the whole tree has ended; `echo` gives it an `output`."""
    if process.before_start:
        await asyncio.to_thread(process.before_start)
    read, control = os.pipe()
    kept = (read,) if lock is None else (read, lock)
    try:
        leash = await asyncio.create_subprocess_exec(
            *leash_command(process=process, control=read, echo=echo),
            pass_fds=kept,
            start_new_session=True,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE if echo else asyncio.subprocess.DEVNULL,
            env=dict(process.environment),
        )
    except BaseException:
        os.close(control)
        raise
    finally:
        os.close(read)
    return Leashed(process=process, leash=leash, control=control)


def leash_command(*, process: Process, control: int, echo: bool) -> list[str]:
    """`control`: the inherited descriptor whose closing ends the process; `echo`: output to stdout too."""
    command = [sys.executable, "-I", "-S", str(LEASH)]
    command += [f"--control={control}", f"--log={process.log}", f"--cwd={process.directory}"]
    command += [f"--stop-signal={int(process.stop_signal)}", f"--death-signal={int(process.death_signal)}"]
    command += [f"--grace={process.stop_seconds}", f"--tee={int(echo)}"]
    if process.account:
        command.append(f"--account={process.account.uid}:{process.account.gid}")
    return [*command, "--", *process.command]


def describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def last_lines(*, log: Path, since: int = 0, count: int = 8) -> str:
    """The end of a log, at most `count` lines, of what was written after byte `since`."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            begin = since if since <= size else 0  # it was rotated meanwhile
            file.seek(max(begin, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])


def log_size(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0

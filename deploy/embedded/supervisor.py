"""Owns every child: starts it, waits until it is ready, starts it again when it ends, ends all in order.

Everything happens in one thread's event loop; forks in particular, since PR_SET_PDEATHSIG follows the thread.
"""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.embedded.console import Console
from deploy.embedded.errors import ProcessFailedError
from deploy.embedded.leash import PR_SET_CHILD_SUBREAPER, descendants, parents, prctl
from deploy.embedded.process import Leashed, Process, describe_exit, last_lines, log_size, start

ADOPTED_SECONDS = 3.0
PROBE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Restarting:
    """When a child that ended is started again, and when its start is given up."""

    first_seconds: float = 0.5
    factor: float = 2.0
    longest_seconds: float = 30.0
    settled_seconds: float = 60.0  # one that ran so long begins again at `first_seconds`
    attempts: int = 5  # of a start; one that was ready once is restarted for ever

    def pause(self, failures: int) -> float:
        """Seconds before the start that follows the `failures`-th failure in a row."""
        return min(self.first_seconds * self.factor ** (failures - 1), self.longest_seconds)


@dataclass(slots=True)
class Watched:
    process: Process
    running: Leashed | None = None
    replaced: bool = False
    restarts: int = 0
    keeper: asyncio.Task[None] | None = None
    settled: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Supervisor:
    def __init__(
        self,
        *,
        console: Console,
        lock: int | None = None,
        restarting: Restarting | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`lock`: a descriptor every leash holds open. `on_change` is called when a child became ready."""
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._console = console
        self._lock = lock
        self._restarting = restarting or Restarting()
        self._on_change = on_change
        self._watched: dict[str, Watched] = {}
        self._one_shots: set[Leashed] = set()
        self._one_shot_tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._spawning = 0

    def pids(self) -> dict[str, int]:
        """The leash of each running process."""
        return {name: watched.running.pid for name, watched in self._watched.items() if watched.running}

    def restarts(self) -> dict[str, int]:
        return {name: watched.restarts for name, watched in self._watched.items()}

    async def run_to_end(self, process: Process, *, on_line: Callable[[str], None] | None = None) -> None:
        """Run a one-shot; its output goes to its log, and line by line to `on_line`.

        Raises ProcessFailedError when it ends with anything but 0.
        """
        task = asyncio.create_task(self._one_shot(process, on_line))
        self._one_shot_tasks.add(task)
        task.add_done_callback(self._one_shot_over)
        await asyncio.shield(task)  # a caller that is cancelled leaves it to `stop`

    def _one_shot_over(self, task: asyncio.Task[None]) -> None:
        self._one_shot_tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also when the caller was cancelled before it

    async def _one_shot(self, process: Process, on_line: Callable[[str], None] | None) -> None:
        begin = log_size(process.log)
        running = await self._spawn(process, echo=on_line is not None)
        self._one_shots.add(running)
        if self._stopping.is_set():
            running.stop()
        if on_line and running.output:
            await _read_lines(running.output, on_line)
        code = await running.wait()
        self._one_shots.discard(running)
        if code != 0:
            raise self._failure(process, reason=describe_exit(code), since=begin)

    async def start(self, process: Process) -> None:
        """Start it, return when it is ready, and keep it running from then on.

        Raises ProcessFailedError when it cannot be brought to readiness in `Restarting.attempts` attempts.
        """
        watched = Watched(process=process)
        self._watched[process.name] = watched
        watched.keeper = asyncio.create_task(self._keep(watched))
        await asyncio.shield(watched.settled)

    async def replace(self, process: Process) -> None:
        """Start the process of that name again, as described now; otherwise like `start`."""
        watched = self._watched[process.name]
        watched.process = process
        watched.replaced = True
        watched.settled = asyncio.get_running_loop().create_future()
        if watched.running:
            watched.running.stop()
        await asyncio.shield(watched.settled)

    async def _keep(self, watched: Watched) -> None:
        failures = 0
        while not self._stopping.is_set():
            process, watched.replaced = watched.process, False
            begin, started = log_size(process.log), time.monotonic()
            reason = await self._run_once(watched)
            if self._stopping.is_set():
                break
            if watched.replaced:
                continue
            if time.monotonic() - started > self._restarting.settled_seconds:
                failures = 0
            failures += 1
            if not watched.settled.done() and failures >= self._restarting.attempts:
                watched.settled.set_exception(self._failure(process, reason=reason, since=begin))
                return
            await self._announce_restart(watched, reason=reason, since=begin, failures=failures)
        if not watched.settled.done():
            watched.settled.cancel()

    async def _spawn(self, process: Process, *, echo: bool = False) -> Leashed:
        self._spawning += 1
        try:
            return await start(process=process, lock=self._lock, echo=echo)
        finally:
            self._spawning -= 1

    async def _run_once(self, watched: Watched) -> str:
        """One life of the process; says why it ended."""
        process = watched.process
        try:
            watched.running = await self._spawn(process)
        except OSError as error:
            return f"cannot be started: {error}"
        if self._stopping.is_set():
            watched.running.stop()
        ended = asyncio.create_task(watched.running.wait())
        became_ready = asyncio.create_task(self._wait_ready(process))
        await asyncio.wait((ended, became_ready), return_when=asyncio.FIRST_COMPLETED)
        late = not ended.done() and not became_ready.result()
        if late:
            watched.running.stop()
        elif not ended.done():
            self._announce_ready(watched)
        became_ready.cancel()
        code = await ended
        watched.running = None
        if code == -signal.SIGKILL:
            await self._end_adopted()
        return f"not ready after {process.ready_seconds:.0f} s" if late else describe_exit(code)

    async def _wait_ready(self, process: Process) -> bool:
        if process.ready is None:
            return True
        end = time.monotonic() + process.ready_seconds
        while time.monotonic() < end:
            if await process.ready():
                return True
            await asyncio.sleep(PROBE_SECONDS)
        return False

    def _announce_ready(self, watched: Watched) -> None:
        if self._stopping.is_set():
            return
        again = f" again (restart {watched.restarts})" if watched.restarts else ""
        note = f"  {watched.process.note}" if watched.process.note else ""
        self._console.event(watched.process.name, f"ready{again}{note}")
        if not watched.settled.done():
            watched.settled.set_result(None)
        self._on_change()

    async def _announce_restart(self, watched: Watched, *, reason: str, since: int, failures: int) -> None:
        pause = self._restarting.pause(failures)
        process = watched.process
        lines = last_lines(log=process.log, since=since)
        self._console.event(process.name, f"ended: {reason}; starting again in {pause:g} s")
        if lines:
            self._console.text(_indent(lines))
        watched.restarts += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._stopping.wait()

    def _failure(self, process: Process, *, reason: str, since: int) -> ProcessFailedError:
        lines = last_lines(log=process.log, since=since, count=25)
        return ProcessFailedError(
            name=process.name, reason=f"{reason} (log: {process.log})", last_lines=lines
        )

    async def _end_adopted(self) -> None:
        """Processes below us that no leash holds: their leash was killed. They get a moment to follow it."""
        end = time.monotonic() + ADOPTED_SECONDS
        while True:
            adopted = [] if self._spawning else self._adopted()
            if not adopted and not self._spawning:
                return
            for pid in adopted:
                if time.monotonic() > end:
                    _kill_tree(pid)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - returns at once
            await asyncio.sleep(PROBE_SECONDS / 2)

    def _adopted(self) -> list[int]:
        leashes = {one_shot.pid for one_shot in self._one_shots} | set(self.pids().values())
        ours = os.getpid()
        return [pid for pid, parent in parents().items() if parent == ours and pid not in leashes]

    async def stop(self, stages: Sequence[Sequence[str]]) -> None:
        """End every process, stage by stage; names in no stage end with the first one, one-shots too."""
        self._stopping.set()
        for one_shot in tuple(self._one_shots):
            one_shot.stop()
        named = {name for stage in stages for name in stage}
        rest = [name for name in self._watched if name not in named]
        for stage in ([*rest, *(stages[0] if stages else ())], *stages[1:]):
            keepers = []
            for name in stage:
                watched = self._watched.get(name)
                if watched and watched.keeper:
                    keepers.append(watched.keeper)
                    if watched.running:
                        watched.running.stop()
            await asyncio.gather(*keepers, return_exceptions=True)
        await asyncio.gather(*self._one_shot_tasks, return_exceptions=True)
        await self._end_adopted()

    def kill(self) -> None:
        """End every process at once, without its grace; `stop`, already under way, then returns soon."""
        for running in (*self._one_shots, *(w.running for w in self._watched.values() if w.running)):
            running.kill()


async def _read_lines(output: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    """Lines end with \\n or, for progress that redraws itself, with \\r."""
    rest = b""
    while block := await output.read(4096):
        *lines, rest = re.split(rb"[\r\n]+", rest + block)
        for line in lines:
            if line.strip():
                on_line(line.decode(errors="replace").rstrip())
    if rest.strip():
        on_line(rest.decode(errors="replace").rstrip())


def _kill_tree(pid: int) -> None:
    for member in (pid, *descendants(pid)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def _indent(lines: str) -> str:
    return "\n".join(f"          | {line}" for line in lines.splitlines())

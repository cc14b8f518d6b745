"""A vLLM server of this machine that is kept running: started, waited for, started again, and ended with all it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import inference
from inference.client import EngineClient, EngineTimeouts
from inference.errors import EngineError
from inference.process import PARENT_PID_VARIABLE
from inference.vllm.crashes import Crash, crash_of
from inference.vllm.errors import ServerFailed
from inference.vllm.launch import LOOPBACK, VllmLaunch, command, process_environment
from inference.vllm.log import RotatedLog

Phase = Literal["starting", "ready", "waiting", "failed", "stopped"]

_PROBE_SECONDS = 0.5
_TAIL_LINES = 400
_DRAIN_SECONDS = 2.0
_ATTACHED = (sys.executable, "-m", "inference.attached")


@dataclass(frozen=True, slots=True)
class Restarting:
    """Seconds. ``attempts`` in a row that do not become ready are the last; a server that was ready is started again for
    ever, after pauses that double from ``first_pause`` to ``longest_pause`` until it has lived for ``settled``."""

    attempts: int = 3
    first_pause: float = 1.0
    longest_pause: float = 60.0
    settled: float = 300.0

    def pause(self, *, failures: int) -> float:
        return min(self.longest_pause, self.first_pause * 2.0 ** min(failures - 1, 20))


@dataclass(frozen=True, slots=True)
class ServerState:
    """``crash``: why the last process ended, where one did. ``waiting``: for its next start."""

    phase: Phase
    pid: int | None = None
    restarts: int = 0
    crash: Crash | None = None


class VllmServer:
    """Start it from a thread that lives as long as it shall: the kernel ends it with the thread that forked it."""

    def __init__(
        self,
        *,
        launch: VllmLaunch,
        restarting: Restarting | None = None,
        ready_seconds: float = 1800.0,
        stop_seconds: float = 15.0,
        inherited: Mapping[str, str] | None = None,
    ) -> None:
        self.launch = launch
        self.state = ServerState("stopped")
        self._restarting = restarting or Restarting()
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds
        self._inherited = os.environ if inherited is None else inherited
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[Crash | None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)

    async def start(self) -> None:
        """Return when a real request was answered; from then on it is kept running. Raises ServerFailed."""
        if self._keeper and not self._keeper.done():
            raise RuntimeError(f"{self.launch.served_name} is running already")
        self._stopping.clear()
        self._ready.clear()
        self._keeper = asyncio.create_task(self._keep())
        became_ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait((self._keeper, became_ready), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.stop()
            raise
        finally:
            became_ready.cancel()
        if self._keeper.done():
            crash = self._keeper.result() or Crash(
                "stopped", "it was stopped while it started.", "Start it again."
            )
            raise ServerFailed(name=self.launch.served_name, crash=crash)

    async def restart(self) -> None:
        """End the process and start another. Raises ServerFailed."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """Ask it to end (SIGTERM); what is left of its processes after ``stop_seconds`` is killed."""
        self._stopping.set()
        if self._keeper:
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._saw("stopped")

    async def _keep(self) -> Crash | None:
        """Until it is stopped; the crash after which no further attempt is made."""
        failures = 0
        while not self._stopping.is_set():
            begin = time.monotonic()
            crash, was_ready = await self._live_once()
            if self._stopping.is_set():
                break
            settled = was_ready and time.monotonic() - begin > self._restarting.settled
            failures = 1 if settled else failures + 1
            if crash.lasting or (not self._ready.is_set() and failures >= self._restarting.attempts):
                self._saw("failed", crash=crash)
                return crash
            self._saw("waiting", crash=crash, restarted=True)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._restarting.pause(failures=failures)):
                    await self._stopping.wait()
        return None

    async def _live_once(self) -> tuple[Crash, bool]:
        """One life of the process: why it ended, and whether it had been ready."""
        self._lines.clear()
        if refusal := self._port_refusal():
            return refusal, False
        self._process = process = await self._spawn()
        self._saw("starting")
        watching = asyncio.create_task(self._copy_output(process))
        ended = asyncio.create_task(process.wait())
        ready = False
        try:
            ready = await self._until_ready(ended)
            if ready:
                self._saw("ready")
                self._ready.set()
                await self._either(ended)
        finally:
            in_time = ended.done()
            code = await self._end(process, ended)
            await self._drained(watching)
        return crash_of(lines=tuple(self._lines), exit_code=code if in_time else None), ready

    def _port_refusal(self) -> Crash | None:
        """Asked before a start: vLLM says so after half a minute, and another's server might answer in its place."""
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, self.launch.port))
            except OSError as error:
                return crash_of(lines=(f"port {self.launch.port}: {error.strerror}",), exit_code=1)
        return None

    async def _spawn(self) -> asyncio.subprocess.Process:
        launch = self.launch
        environment = process_environment(launch=launch, inherited=self._inherited)
        return await asyncio.create_subprocess_exec(
            *_ATTACHED,
            *command(launch=launch),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # its group is all of its processes, and no other
            cwd=Path(inference.__file__).parents[1],
            env=environment | {PARENT_PID_VARIABLE: str(os.getpid())},
        )

    async def _until_ready(self, ended: asyncio.Task[int]) -> bool:
        """Whether it answered before it ended, was stopped, or took too long."""
        answered = asyncio.create_task(self._answered())
        stopping = asyncio.create_task(self._stopping.wait())
        waiting = (answered, ended, stopping)
        try:
            await asyncio.wait(waiting, timeout=self._ready_seconds, return_when=asyncio.FIRST_COMPLETED)
            return answered.done() and not ended.done()
        finally:
            for task in (answered, stopping):
                task.cancel()
            await asyncio.gather(answered, stopping, return_exceptions=True)

    async def _answered(self) -> None:
        """Return after a request of one token: `/health` says 200 while nothing can be answered."""
        client = EngineClient(endpoint=self.launch.endpoint(), timeouts=EngineTimeouts(connect=1.0))
        try:
            while True:
                with contextlib.suppress(EngineError):
                    await client.probe()
                    return
                await asyncio.sleep(_PROBE_SECONDS)
        finally:
            await client.aclose()

    async def _either(self, ended: asyncio.Task[int]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()

    async def _end(self, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> int:
        """Its exit code; nothing of its group is left."""
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait((ended,), timeout=self._stop_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        self._process = None
        return await ended

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for
        log = RotatedLog(path=self.launch.log)
        rest = b""
        try:
            while block := await process.stdout.read(65536):
                log.write(block)
                *lines, rest = (rest + block).split(b"\n")
                self._lines.extend(line.decode(errors="replace") for line in lines)
                rest = rest[-65536:]
        finally:
            log.close()
            self._lines.append(rest.decode(errors="replace"))

    async def _drained(self, watching: asyncio.Task[None]) -> None:
        """What it wrote last; a process that left the group may hold the pipe open for ever."""
        await asyncio.wait((watching,), timeout=_DRAIN_SECONDS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    def _saw(self, phase: Phase, *, crash: Crash | None = None, restarted: bool = False) -> None:
        self.state = ServerState(
            phase,
            pid=self._process.pid if self._process else None,
            restarts=self.state.restarts + int(restarted),
            crash=crash or self.state.crash,
        )

"""The worker's side of the fork server: one server for a process, started when it is first needed."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import rag
from rag.parsing.request import STATUS, ParseRequest

_END_SECONDS = 10.0


class StillRunningError(Exception):
    """The child has not ended within the time given."""


class ForkedChild:
    """A child of the fork server. ``results`` and ``stderr`` are the reading ends of its pipes."""

    def __init__(self, *, results: IO[bytes], stderr: IO[bytes], control: socket.socket) -> None:
        self.results = results
        self.stderr = stderr
        self._control = control
        self._code: int | None = None

    def wait(self, *, seconds: float) -> int:
        """Its exit code, or minus the signal that ended it. Raises StillRunningError."""
        if self._code is None:
            self._control.settimeout(max(seconds, 0.001))
            try:
                data = self._control.recv(STATUS.size)
            except TimeoutError as error:
                raise StillRunningError from error
            except OSError:
                data = b""
            # A server that was killed takes its children with it.
            status = STATUS.unpack(data)[0] if data else signal.SIGKILL
            self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def end(self) -> None:
        """Kill it, with its whole group, if it still runs; it is gone when this returns."""
        try:
            if self._code is None:
                with contextlib.suppress(OSError):
                    self._control.send(b"k")
                self.wait(seconds=_END_SECONDS)
        finally:
            for end in (self._control, self.results, self.stderr):
                end.close()


class _Server:
    """The server of this process. A fork of the process gets one of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, message: bytes, descriptors: list[int]) -> None:
        """Send a request; a server that has died is replaced once."""
        with self._lock:
            for _ in range(2):
                try:
                    socket.send_fds(self._running(), [message], descriptors)
                except (BrokenPipeError, ConnectionError):
                    self._forget()
                else:
                    return
        raise BrokenPipeError("the fork server does not stay alive")

    def stop(self) -> None:
        """At the end of the process that started it."""
        if self._owner == os.getpid():
            self._forget()

    def _running(self) -> socket.socket:
        if self._socket is None or self._owner != os.getpid():
            self._start()
        if self._socket is None:
            raise RuntimeError("started without a socket")
        return self._socket

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "rag.parsing.forkserver", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._socket, self._owner = ours, os.getpid()

    def _forget(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)


_SERVER = _Server()
atexit.register(_SERVER.stop)


def fork_child(*, request: ParseRequest, input_fd: int) -> ForkedChild:
    """A child that reads the file behind `input_fd`, from wherever its offset stands."""
    results, results_end = os.pipe()
    stderr, stderr_end = os.pipe()
    control, control_end = socket.socketpair()
    with (
        os.fdopen(results_end, "wb", buffering=0),
        os.fdopen(stderr_end, "wb", buffering=0),
        control_end,
        contextlib.ExitStack() as undo,
    ):
        child = ForkedChild(
            results=os.fdopen(results, "rb", buffering=0),
            stderr=os.fdopen(stderr, "rb", buffering=0),
            control=control,
        )
        undo.callback(child.end)
        _SERVER.ask(request.to_bytes(), [input_fd, results_end, stderr_end, control_end.fileno()])
        undo.pop_all()
    return child


def _environment() -> dict[str, str]:
    """Built from nothing: the worker's own environment holds its secrets."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(Path(rag.__file__).resolve().parent.parent),
        "PYTHONUTF8": "1",
        "PYTHONNOUSERSITE": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }

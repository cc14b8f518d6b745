"""The fork server, ``python -m rag.parsing.forkserver FD``: forks a child for each file, with every parser loaded.

Starting an interpreter and importing a parser costs a tenth of a second of processor time, which is more than most
documents take to be read; a fork costs a few milliseconds. It never reads a file itself, holds no secret (its environment is
made from nothing), and ends with the worker that started it: the other end of its socket is closed then.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

from rag.parsing import child, sandbox
from rag.parsing.registry import load_every_format
from rag.parsing.request import MAX_BYTES, STATUS, ParseRequest

DESCRIPTORS = 4  # input, results, errors, control: in this order beside a request


@dataclass(frozen=True, slots=True)
class _Descriptors:
    input: int
    results: int
    errors: int
    control: int


@dataclass(frozen=True, slots=True)
class _Forked:
    pid: int
    home: str
    control: socket.socket


class ForkServer:
    """Answers on `control`, when a child has ended, with its status; a word from there, or its closing, kills the child."""

    def __init__(self, *, requests: socket.socket) -> None:
        self._requests = requests
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Forked] = {}

    def run(self) -> None:
        """Until the worker is gone; what its children wrote goes with it."""
        try:
            self._serve()
        finally:
            for forked in self._children.values():
                _kill(forked.pid)
                shutil.rmtree(forked.home, ignore_errors=True)

    def _serve(self) -> None:
        ended, wakeup = socket.socketpair()
        for end in (ended, wakeup):
            end.setblocking(False)
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._requests, selectors.EVENT_READ)
        self._selector.register(ended, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._requests:
                    if not self._take_request():
                        return
                elif key.fileobj is ended:
                    ended.recv(4096)
                    self._reap()
                elif key.data in self._children:  # it may have been reaped since
                    self._selector.unregister(key.fileobj)
                    _kill(key.data)

    def _take_request(self) -> bool:
        try:
            data, fds, _, _ = socket.recv_fds(self._requests, MAX_BYTES, DESCRIPTORS)
        except ConnectionError:
            return False
        if not data:
            return False
        descriptors = _Descriptors(*fds)
        request = ParseRequest.from_bytes(data)
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            _be_child(request, descriptors, server)
        for fd in (descriptors.input, descriptors.results, descriptors.errors):
            os.close(fd)
        forked = _Forked(pid=pid, home=request.home, control=socket.socket(fileno=descriptors.control))
        self._children[pid] = forked
        self._selector.register(forked.control, selectors.EVENT_READ, data=pid)
        return True

    def _reap(self) -> None:
        while self._children:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            control = self._children.pop(pid).control
            with contextlib.suppress(KeyError):  # it was told to kill, and is not listened to any more
                self._selector.unregister(control)
            with control, contextlib.suppress(OSError):
                control.send(STATUS.pack(status))


def _kill(pid: int) -> None:
    """With its group. It has not been reaped, so its number is still its own."""
    for kill in (os.kill, os.killpg):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _be_child(request: ParseRequest, descriptors: _Descriptors, server: int) -> None:
    """Never returns."""
    code = 1
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(descriptors.errors, 2)
        _close_all_but(0, 1, 2, descriptors.input, descriptors.results)
        os.environ.update(HOME=request.home, TMPDIR=request.home)
        os.chdir(request.home)
        child.answer(
            request=request, input_fd=descriptors.input, result_fd=descriptors.results, parent=server
        )
        code = 0
    except BaseException:  # noqa: BLE001 - the last line of it becomes the reason that is shown
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _close_all_but(*kept: int) -> None:
    """Among others the controls of the children beside this one."""
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd not in kept:
            with contextlib.suppress(OSError):
                os.close(fd)


def main() -> int:
    requests = socket.socket(fileno=int(sys.argv[1]))
    if not sandbox.landlock_version():
        sys.stderr.write(
            "this kernel has no Landlock (Linux 5.13): a parser can read what the worker's account can\n"
        )
    # openpyxl would load numpy, and with it threads, only to recognise its number types.
    sys.modules["numpy"] = None  # type: ignore[assignment]
    load_every_format()
    # What is loaded is shared with every child: a collection in one of them must not copy it page by page.
    gc.collect()
    gc.freeze()
    ForkServer(requests=requests).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Holds one child process so that nothing of it survives its supervisor: `leash.py [options] -- command …`.

    supervisor ──control pipe──▶ leash (own session, subreaper) ──▶ child ──▶ grandchildren …

The leash stops the child when it is told to (SIGTERM), and as well when the control pipe closes, which is
what happens when the supervisor dies in any way, SIGKILL included. As the subreaper of everything below it,
it inherits grandchildren whose parent died, and kills what is left of the tree before it ends. If the leash
itself is killed, the child gets a signal from the kernel (PR_SET_PDEATHSIG) and the supervisor, a subreaper
too, clears up the rest.

It also writes the child's output to a log file that is rotated by size, and ends the way the child ended:
with the same exit code, or by the same signal.

Run as a file by `python -I -S`: one is resident per child, so it imports as little as it can and nothing of
Karez.
"""

import ctypes
import os
import select
import signal
import sys
import time
from typing import NoReturn

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 3
OUTPUT_DRAIN_SECONDS = 0.3
KILL_SWEEP_SECONDS = 0.02
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD)


def prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def parents() -> dict[int, int]:
    """The parent of every process, from /proc."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib costs a megabyte in every leash
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123 - as above
                found[int(name)] = int(stat.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError):
            continue  # it ended meanwhile
    return found


def descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents().items():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    pending = [ancestor]
    while pending:
        below = children.get(pending.pop(), [])
        found += below
        pending += below
    return found


class Log:
    """Append-only output file: `path`, then `path.1` … `path.3`, each of at most `LOG_BYTES`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._open()

    def _open(self) -> None:
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.size = os.fstat(self.fd).st_size

    def write(self, data: bytes) -> None:
        try:
            if self.size + len(data) > LOG_BYTES:
                self._rotate()
            self.size += os.write(self.fd, data)
        except OSError:
            pass  # a full disk must not stop the child

    def _rotate(self) -> None:
        os.close(self.fd)
        for number in range(LOG_FILES - 1, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):  # noqa: PTH110
                os.replace(f"{self.path}.{number}", f"{self.path}.{number + 1}")  # noqa: PTH105
        os.replace(self.path, f"{self.path}.1")  # noqa: PTH105
        self._open()


class Leash:
    def __init__(self, *, options: dict[str, str], command: list[str]) -> None:
        self.command = command
        self.control = int(options["control"])
        self.stop_signal = int(options["stop-signal"])
        self.grace_seconds = float(options["grace"])
        self.directory = options["cwd"]
        self.account = (
            tuple(int(part) for part in options["account"].split(":")) if "account" in options else None
        )
        self.death_signal = int(options["death-signal"])
        self.tee = options["tee"] == "1"
        self.log = Log(options["log"])
        self.child = 0
        self.status: int | None = None
        self.stop_before: float | None = None  # monotonic time at which patience ends

    def run(self) -> NoReturn:
        os.set_inheritable(self.control, False)
        for fd in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
            if fd > 2:
                try:
                    os.set_inheritable(fd, False)  # the supervisor's lock is held here, never below
                except OSError:
                    continue
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in FORWARDED:
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        output = self._spawn()
        if self.tee:
            os.set_blocking(1, False)
        self._watch(output=output, woken=woken)
        self._sweep()
        self._drain(output)
        self._end_as_the_child_did()

    def _spawn(self) -> int:
        output, child_end = os.pipe2(os.O_CLOEXEC)
        leash = os.getpid()
        self.child = os.fork()
        if self.child == 0:
            try:
                self._become_child(output=child_end, leash=leash)
            except OSError as error:
                os.write(2, f"cannot run {self.command[0]}: {error}\n".encode())
            os._exit(127)
        os.close(child_end)
        os.set_blocking(output, False)
        return output

    def _become_child(self, *, output: int, leash: int) -> None:
        os.setsid()
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.set_wakeup_fd(-1)
        for number in (*FORWARDED, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        if self.account:
            os.setgroups([])
            os.setgid(self.account[1])
            os.setuid(self.account[0])
        prctl(PR_SET_PDEATHSIG, self.death_signal)  # after setuid, which clears it
        if os.getppid() != leash:
            os._exit(127)
        os.chdir(self.directory)
        os.execvp(self.command[0], self.command)  # noqa: S606 - no shell is the point

    def _watch(self, *, output: int, woken: int) -> None:
        """Until the child has ended: copy output, obey signals, notice that the supervisor is gone."""
        poll = select.poll()
        for fd in (self.control, output, woken):
            poll.register(fd, select.POLLIN | select.POLLHUP)
        while self.status is None:
            for fd, _ in poll.poll(self._patience_milliseconds()):
                if fd == woken:
                    self._obey(os.read(woken, 512))
                elif fd == self.control:
                    poll.unregister(self.control)
                    self._stop()
                elif not self._copy(output):
                    poll.unregister(output)
            if self.stop_before is not None and time.monotonic() >= self.stop_before and self.status is None:
                os.kill(self.child, signal.SIGKILL)
                self.stop_before = time.monotonic() + 1

    def _patience_milliseconds(self) -> float | None:
        if self.stop_before is None:
            return None
        return max(0.0, self.stop_before - time.monotonic()) * 1000

    def _obey(self, numbers: bytes) -> None:
        for number in numbers:
            if number == signal.SIGQUIT:
                self._stop()
                self.stop_before = time.monotonic()
            elif number == signal.SIGCHLD:
                self._reap()
            else:
                self._stop()

    def _stop(self) -> None:
        if self.stop_before is None and self.status is None:
            self.stop_before = time.monotonic() + self.grace_seconds
            os.kill(self.child, self.stop_signal)

    def _reap(self) -> bool:
        """Collect what has ended; False when no process is left below."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.child:
                self.status = status

    def _sweep(self) -> None:
        while self._reap():
            for pid in descendants(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            time.sleep(KILL_SWEEP_SECONDS)

    def _copy(self, output: int) -> bool:
        """One block of output into the log; False at its end."""
        try:
            data = os.read(output, 65536)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.log.write(data)
        if self.tee:
            try:
                os.write(1, data)
            except OSError:
                self.tee = False  # nobody reads any more
        return True

    def _drain(self, output: int) -> None:
        end = time.monotonic() + OUTPUT_DRAIN_SECONDS
        while time.monotonic() < end and select.select([output], [], [], 0)[0]:
            if not self._copy(output):
                return

    def _end_as_the_child_did(self) -> NoReturn:
        assert self.status is not None  # noqa: S101 - _watch returns only then
        if os.WIFSIGNALED(self.status):
            number = os.WTERMSIG(self.status)
            if number != signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)
            prctl(PR_SET_DUMPABLE, 0)  # no second core file
            os.kill(os.getpid(), number)
            time.sleep(1)
        os._exit(os.waitstatus_to_exitcode(self.status))


def main(arguments: list[str]) -> NoReturn:
    divide = arguments.index("--")
    options = dict(argument.removeprefix("--").split("=", 1) for argument in arguments[:divide])
    Leash(options=options, command=arguments[divide + 1 :]).run()


if __name__ == "__main__":
    main(sys.argv[1:])

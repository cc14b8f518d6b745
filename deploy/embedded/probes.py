"""When a child counts as ready."""

import asyncio
import http.client
import socket
import time
from collections.abc import Callable
from pathlib import Path

from deploy.embedded.ports import LOOPBACK
from deploy.embedded.process import Probe, log_size

ANSWER_SECONDS = 2.0


def http_ok(*, port: int, path: str, host: str = LOOPBACK, below: int = 300) -> Probe:
    """The server answers a GET with a status below `below`."""

    def ask() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < below
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return blocking(ask)


def accepts(*, host: str, port: int) -> Probe:
    """Something listens there."""

    def ask() -> bool:
        try:
            with socket.create_connection((host, port), timeout=ANSWER_SECONDS):
                return True
        except OSError:
            return False

    return blocking(ask)


def blocking(check: Callable[[], bool]) -> Probe:
    """A check that may take a while, in a thread of its own."""

    async def probe() -> bool:
        return await asyncio.to_thread(check)

    return probe


class LogLine:
    """The process has written a line that contains `text`, since the last `forget`."""

    def __init__(self, *, log: Path, text: str, otherwise_seconds: float) -> None:
        """A process that lives for `otherwise_seconds` without writing it is taken for ready."""
        self._log, self._text = log, text.encode()
        self._otherwise = otherwise_seconds
        self.forget()

    def forget(self) -> None:
        """To be called before each start."""
        self._since, self._started = log_size(self._log), time.monotonic()

    async def __call__(self) -> bool:
        return time.monotonic() - self._started > self._otherwise or self._written()

    def _written(self) -> bool:
        try:
            with self._log.open("rb") as file:
                file.seek(self._since if self._since <= log_size(self._log) else 0)
                return self._text in file.read()
        except OSError:
            return False

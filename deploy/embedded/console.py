"""What the operator sees: one line per event, and progress that a terminal redraws."""

import contextlib
import sys
import time
from typing import TextIO

NAME_WIDTH = 13
PLAIN_PROGRESS_SECONDS = 5.0  # without a terminal a progress line is repeated at most this often
TERMINAL_COLUMNS = 110


class Console:
    """Never raises: a closed terminal must not stop the platform that was started from it."""

    def __init__(self, *, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._started = time.monotonic()
        self._redrawing = False
        self._last_progress: dict[str, float] = {}
        with contextlib.suppress(OSError, ValueError):
            self._is_terminal = self._stream.isatty()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def event(self, name: str, text: str) -> None:
        for number, line in enumerate(text.splitlines() or [""]):
            label = name if number == 0 else ""
            self._write(f"{self._clock()} {label:<{NAME_WIDTH}} {line}\n")

    def progress(self, name: str, text: str) -> None:
        if self._is_terminal:
            self._write(f"{self._clock()} {name:<{NAME_WIDTH}} {text}"[:TERMINAL_COLUMNS], redraw=True)
            return
        now = time.monotonic()
        if now - self._last_progress.get(name, -PLAIN_PROGRESS_SECONDS) >= PLAIN_PROGRESS_SECONDS:
            self._last_progress[name] = now
            self.event(name, text)

    def text(self, text: str) -> None:
        """As it is, without clock and name."""
        self._write(f"{text}\n")

    def _clock(self) -> str:
        return f"[{self.seconds:6.1f}s]"

    def _write(self, text: str, *, redraw: bool = False) -> None:
        start = "\r\x1b[K" if self._redrawing or redraw else ""
        self._redrawing = redraw
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(start + text)
            self._stream.flush()

"""A server's output, in files of bounded size."""

from __future__ import annotations

import contextlib
from pathlib import Path

LARGEST_BYTES, OLDER_FILES = 10 * 1024 * 1024, 3


class RotatedLog:
    """``path``, then ``path.1`` … ``path.3``. A full disk loses lines and stops nothing."""

    def __init__(self, *, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        self._file = path.open("ab", buffering=0)

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if self._file.tell() + len(data) > LARGEST_BYTES:
                self._rotate()
            self._file.write(data)

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        for number in range(OLDER_FILES - 1, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            if older.exists():
                older.replace(self._path.with_name(f"{self._path.name}.{number + 1}"))
        self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        self._path.touch(mode=0o600)
        self._file = self._path.open("ab", buffering=0)

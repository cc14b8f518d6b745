"""The reading side: what processes have noted, living or dead."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from controlplane.metering.journal.slots import NAME, Counters, read_slots
from controlplane.metering.journal.writer import LOCK, OWN, SUFFIX, UNREADY

_POSITION = "position"


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of one file, and where they end."""

    segment: Path
    entries: tuple[dict[str, Any], ...]
    end: int


def journals(*, directory: Path) -> list[Path]:
    """Those of every process, the oldest first."""
    if not directory.is_dir():
        return []
    ready = (
        path for path in directory.iterdir() if not path.name.startswith(UNREADY) and (path / LOCK).exists()
    )
    return sorted(ready, key=lambda path: path.stat().st_mtime)


class JournalReader:
    """Reads one journal from where it was left. The place is noted only after what was read is safe: after a kill a part is
    read again, never left out."""

    def __init__(self, *, path: Path) -> None:
        self.path = path
        self._at = self._noted()

    def read(self, *, most: int) -> Part | None:
        """The next entries, at most so many; None when all are read."""
        for segment in self._segments():
            position = self._at[1] if segment.name == self._at[0] else 0
            entries, end = _entries(segment, position, most)
            if entries:
                return Part(segment, tuple(entries), end)
        return None

    def done(self, part: Part) -> None:
        """What was read is in the database."""
        self._at = (part.segment.name, part.end)
        scratch = self.path / f"{_POSITION}.new"
        scratch.write_text(f"{part.segment.name} {part.end}")
        scratch.replace(self.path / _POSITION)
        for older in self._all_segments():
            if older.name < part.segment.name:
                older.unlink(missing_ok=True)

    def is_abandoned(self) -> bool:
        """Whether the process that wrote it has ended. Ask before reading the last time: nothing is added after it."""
        if self.path in OWN:
            return False
        descriptor = os.open(self.path / LOCK, os.O_RDWR)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            return True
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Of an abandoned one, after everything in it was taken."""
        shutil.rmtree(self.path)

    def _segments(self) -> list[Path]:
        return [segment for segment in self._all_segments() if segment.name >= self._at[0]]

    def _all_segments(self) -> list[Path]:
        return sorted(self.path.glob(f"*{SUFFIX}"))

    def _noted(self) -> tuple[str, int]:
        try:
            name, end = (self.path / _POSITION).read_text().split()
        except FileNotFoundError:
            return "", 0
        return name, int(end)


def abandoned_slots(*, path: Path) -> Iterator[tuple[dict[str, Any], Counters]]:
    """The requests that were under way when a journal's process ended."""
    for file in sorted(path.glob(f"{NAME}-*")):
        yield from read_slots(file)


def _entries(segment: Path, position: int, most: int) -> tuple[list[dict[str, Any]], int]:
    entries: list[dict[str, Any]] = []
    with segment.open("rb") as file:
        file.seek(position)
        for line in file:
            if not line.endswith(b"\n") or len(entries) == most:
                break
            entries.append(orjson.loads(line))
            position += len(line)
    return entries, position

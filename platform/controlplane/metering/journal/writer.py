"""The writing side, in a process of the data plane."""

import fcntl
import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from controlplane.metering.journal.slots import MOST_ADMISSION_BYTES, NAME, SLOTS, Counters, SlotFile

log = logging.getLogger(__name__)

LOCK = "lock"
SUFFIX = ".jsonl"
# Of a directory that is not locked yet, which a reader would take for an abandoned one.
UNREADY = "."
# Journals of this very process: asking for their lock would give it away.
OWN: set[Path] = set()
_SEGMENT_BYTES = 16 * 1024**2
# Entries that the disk has no room for are held in memory; beyond so many nothing is let in any more.
_MOST_HELD = 1_000


class JournalFull(Exception):
    """The disk takes no more notes, so no more requests may be let in."""


class Slot:
    """A request that is under way."""

    __slots__ = ("_file", "_journal", "_number", "admission")

    def __init__(self, journal: "Journal", file: SlotFile, number: int, admission: Mapping[str, Any]) -> None:
        self._journal = journal
        self._file = file
        self._number = number
        self.admission = admission

    def count(self, counters: Counters) -> None:
        """Note how far the answer has come."""
        self._file.count(self._number, counters)

    def count_pieces(self, pieces: int) -> None:
        """As `count`, where nothing else has changed: with each piece of a stream."""
        self._file.count_pieces(self._number, pieces)

    def settle(self, ending: Mapping[str, Any]) -> None:
        """The request is over. Its note is written before its slot is free: a kill between the two leaves both, which count
        once."""
        self._journal.append({**self.admission, **ending})
        self._file.free(self._number)
        self._journal.give_back(self._file, self._number)


class Journal:
    """Of one process, and of one thread in it. `directory` holds those of all processes of the machine."""

    def __init__(self, *, directory: Path) -> None:
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        made = directory / f"{UNREADY}{name}"
        made.mkdir(mode=0o700, parents=True)
        # A lock of the process, which no child inherits: it is free when this very process has ended.
        self._lock = os.open(made / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.path = made.rename(directory / name)
        OWN.add(self.path)
        self._files: list[SlotFile] = []
        self._free: list[tuple[SlotFile, int]] = []
        self._held: list[bytes] = []
        self._segment = -1
        self._segment_number = 0
        self._size = _SEGMENT_BYTES

    def admit(self, admission: Mapping[str, Any]) -> Slot:
        """Note a request before an engine gets it. Raises JournalFull."""
        raw = orjson.dumps(admission)
        if len(raw) > MOST_ADMISSION_BYTES:
            raise ValueError(f"an admission of {len(raw)} bytes")
        if self._held and not self._write_held() and len(self._held) >= _MOST_HELD:
            raise JournalFull
        if not self._free:
            self._more_slots()
        file, number = self._free.pop()
        file.begin(number, raw)
        return Slot(self, file, number, admission)

    def append(self, entry: Mapping[str, Any]) -> None:
        """Note a request that is over. Never fails: what the disk does not take is held until it does."""
        line = orjson.dumps(entry) + b"\n"
        if self._held or not self._write(line):
            self._held.append(line)

    def give_back(self, file: SlotFile, number: int) -> None:
        """For `Slot.settle`."""
        self._free.append((file, number))

    def close(self) -> None:
        """Leave it to the reader. Requests that are under way count as interrupted."""
        self._write_held()
        for file in self._files:
            file.close()
        if self._segment >= 0:
            os.close(self._segment)
        os.close(self._lock)
        OWN.discard(self.path)

    def _more_slots(self) -> None:
        try:
            file = SlotFile(path=self.path / f"{NAME}-{len(self._files)}")
        except OSError as error:
            log.error("no room for the notes of requests: %s", error)
            raise JournalFull from error
        self._files.append(file)
        self._free += [(file, number) for number in reversed(range(SLOTS))]

    def _write_held(self) -> bool:
        """Whether nothing is held any more."""
        while self._held and self._write(self._held[0]):
            del self._held[0]
        return not self._held

    def _write(self, line: bytes) -> bool:
        try:
            if self._size >= _SEGMENT_BYTES:
                self._next_segment()
            written = os.write(self._segment, line)
            if written < len(line):
                os.ftruncate(self._segment, self._size)
                return False
        except OSError as error:
            log.error("a request could not be noted: %s", error)
            return False
        self._size += written
        return True

    def _next_segment(self) -> None:
        name = f"{self._segment_number + 1:08d}{SUFFIX}"
        opened = os.open(self.path / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if self._segment >= 0:
            os.close(self._segment)
        self._segment, self._size = opened, 0
        self._segment_number += 1

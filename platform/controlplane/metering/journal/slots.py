"""The requests that are under way, in a file that is mapped into memory.

A slot: one byte of state, three unused, the length of the admission, six counters, and the admission as JSON. The state is
written last, and cleared before the rest is used again: what is read after a kill is whole or not there.
"""

import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

SLOT_BYTES = 2048
SLOTS = 512
NAME = "active"

_LIVE, _FREE = 1, 0
_LENGTH = struct.Struct("<I")
_COUNTERS = struct.Struct("<6I")
_PIECES = struct.Struct("<I")
_LENGTH_AT, _COUNTERS_AT, _PIECES_AT, _ADMISSION_AT = 4, 8, 24, 32
MOST_ADMISSION_BYTES = SLOT_BYTES - _ADMISSION_AT
# A first token that has not come yet.
NOT_YET = 0xFFFFFFFF


class Counters(NamedTuple):
    """Of one answer so far. `first_token_ms` is NOT_YET before the first; `pieces` of text stand for tokens while no engine has
    counted any (`completion`)."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    reasoning: int = 0
    pieces: int = 0
    first_token_ms: int = NOT_YET


class SlotFile:
    """SLOTS slots. Raises OSError when the disk has no room for them: then nothing is written, not even later."""

    def __init__(self, *, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # Written to in full now: a mapped page without a block on the disk would kill the process when it is touched.
            os.posix_fallocate(descriptor, 0, SLOT_BYTES * SLOTS)
            self._map = mmap.mmap(descriptor, SLOT_BYTES * SLOTS)
        finally:
            os.close(descriptor)

    def begin(self, number: int, admission: bytes) -> None:
        at = number * SLOT_BYTES
        content = self._map
        content[at + _ADMISSION_AT : at + _ADMISSION_AT + len(admission)] = admission
        _LENGTH.pack_into(content, at + _LENGTH_AT, len(admission))
        _COUNTERS.pack_into(content, at + _COUNTERS_AT, *Counters())
        content[at] = _LIVE

    def count(self, number: int, counters: Counters) -> None:
        _COUNTERS.pack_into(self._map, number * SLOT_BYTES + _COUNTERS_AT, *counters)

    def count_pieces(self, number: int, pieces: int) -> None:
        _PIECES.pack_into(self._map, number * SLOT_BYTES + _PIECES_AT, pieces)

    def free(self, number: int) -> None:
        self._map[number * SLOT_BYTES] = _FREE

    def close(self) -> None:
        self._map.close()


def read_slots(path: Path) -> Iterator[tuple[dict[str, Any], Counters]]:
    """The requests that were under way when the file's writer ended."""
    content = path.read_bytes()
    for at in range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
        if content[at] == _LIVE:
            (length,) = _LENGTH.unpack_from(content, at + _LENGTH_AT)
            admission = orjson.loads(content[at + _ADMISSION_AT : at + _ADMISSION_AT + length])
            yield admission, Counters._make(_COUNTERS.unpack_from(content, at + _COUNTERS_AT))

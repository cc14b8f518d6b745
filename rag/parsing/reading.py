"""Reads the whole of a text file, as far as the limits can let it through."""

from __future__ import annotations

from typing import BinaryIO

from rag.parsing.collector import BlockCollector
from rag.parsing.errors import ParseError

# UTF-32 spends four bytes a character; nothing spends more, save markup around the text.
_BYTES_PER_CHAR = 4


def read_all(*, stream: BinaryIO, collector: BlockCollector, markup: int = 1) -> bytes:
    """All bytes of a text; ``markup`` is how many times larger than its text the file may be.

    Raises ParseError ``too_much_text`` where the text cannot possibly fit the limit on characters.
    """
    stream.seek(0)
    most = collector.limits.max_chars * _BYTES_PER_CHAR * markup
    data = stream.read(most + 1)
    if len(data) > most:
        raise ParseError("too_much_text", {"limit": collector.limits.max_chars})
    return data

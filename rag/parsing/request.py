"""What a process asks of the fork server: one datagram, with the descriptors of the file and of the answers beside it."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from rag.parsing.limits import ParseLimits

MAX_BYTES = 64 * 1024
STATUS = struct.Struct("=i")  # how a child ended, as `waitpid` gives it; what the server answers


MOST_HIGHLIGHT = 4000  # characters: six bytes each in the datagram


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A page to draw: its number from 1, its width in pixels, and the text whose place on it is to be marked."""

    number: int
    width: int
    highlight: str = ""


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """The name of the file, its limits, and the folder that the child may write in. With `page` that page is drawn, and
    nothing is read."""

    filename: str
    home: str
    limits: ParseLimits
    page: PageRequest | None = None

    def to_bytes(self) -> bytes:
        """For the socket."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ParseRequest:
        """From the socket."""
        fields = json.loads(data)
        page = PageRequest(**fields["page"]) if fields["page"] else None
        return cls(**(fields | {"limits": ParseLimits(**fields["limits"]), "page": page}))

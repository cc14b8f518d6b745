"""What a worker asks of the fork server: one datagram, with the descriptors of the file and of the answers beside it."""

from __future__ import annotations

import json
import struct
from dataclasses import asdict, dataclass

from rag.parsing.limits import ParseLimits

MAX_BYTES = 64 * 1024
STATUS = struct.Struct("=i")  # how a child ended, as `waitpid` gives it; what the server answers


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """The name of the file, its limits, and the folder that the child may write in."""

    filename: str
    home: str
    limits: ParseLimits

    def to_bytes(self) -> bytes:
        """For the socket."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> ParseRequest:
        """From the socket."""
        fields = json.loads(data)
        return cls(**(fields | {"limits": ParseLimits(**fields["limits"])}))

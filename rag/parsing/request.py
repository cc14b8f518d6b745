"""What the parent asks of its child, handed over in one environment variable.

Not on the command line: every user of the machine can read that, and file names tell secrets.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from rag.parsing.limits import ParseLimits

VARIABLE = "KAREZ_PARSE_REQUEST"


@dataclass(frozen=True, slots=True)
class ParseRequest:
    """The descriptors the child inherits, the name of the file, its limits, the process to die with."""

    input_fd: int
    result_fd: int
    parent: int
    filename: str
    limits: ParseLimits

    def to_text(self) -> str:
        """For the environment."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> ParseRequest:
        """From the environment."""
        fields = json.loads(text)
        return cls(**(fields | {"limits": ParseLimits(**fields["limits"])}))

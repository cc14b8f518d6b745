"""The parsing child, ``python -m rag.parsing.child``: reads one file with no rights and few means."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import rag
from rag.parsing import sandbox, wire
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.reader import check_file, parse_stream
from rag.parsing.registry import load_everything, parser_for
from rag.parsing.request import VARIABLE, ParseRequest

_PROGRESS_SECONDS = 0.1
# Prepared while there is memory to prepare it.
_OUT_OF_MEMORY = wire.error_frame(ParseError("parse_memory"))


class _Progress:
    """Sends progress at most ten times a second."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._next = 0.0

    def __call__(self, fraction: float) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _PROGRESS_SECONDS
            _write(self._fd, wire.frame(wire.FrameKind.PROGRESS, round(min(max(fraction, 0.0), 1.0), 4)))


def main() -> int:
    """Read the request, give up every right, parse, answer."""
    request = ParseRequest.from_text(os.environ.pop(VARIABLE))
    sandbox.die_with_parent(parent=request.parent)
    try:
        document = _parse(request)
        for part in wire.document_frames(document):
            _write(request.result_fd, part)
    except MemoryError:
        _write(request.result_fd, _OUT_OF_MEMORY)
    except ParseError as error:
        _write(request.result_fd, wire.error_frame(error))
    return 0


def _parse(request: ParseRequest) -> ParsedDocument:
    with os.fdopen(request.input_fd, "rb") as stream:
        # openpyxl would load numpy, and with it threads and 0.2 s, only to recognise its number types.
        sys.modules["numpy"] = None  # type: ignore[assignment]
        name = check_file(stream=stream, filename=request.filename, limits=request.limits)
        parser_for(name)
        sandbox.die_first()
        sandbox.leave_network()
        if os.geteuid() == 0 and not sandbox.readable_when_unprivileged(*_import_folders()):
            load_everything(name)
        sandbox.drop_privileges()
        # The kernel forgets the death signal when a process changes its user.
        sandbox.die_with_parent(parent=request.parent)
        sandbox.limit_resources(limits=request.limits)
        sandbox.forbid_syscalls()
        progress = _Progress(request.result_fd)
        return parse_stream(
            stream=stream, filename=request.filename, limits=request.limits, progress=progress
        )


def _import_folders() -> list[str]:
    return [
        str(Path(rag.__file__).parent),
        str(Path(os.__file__).parent),
        *(path for path in sys.path if path),
    ]


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    sys.exit(main())

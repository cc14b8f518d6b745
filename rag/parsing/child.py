"""The parsing child, forked from the fork server: reads one file, or draws a page of it, with no rights and few means."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import BinaryIO

from rag.parsing import sandbox, wire
from rag.parsing.errors import ParseError
from rag.parsing.page_image import draw_page
from rag.parsing.reader import parse_stream
from rag.parsing.request import ParseRequest

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


def answer(*, request: ParseRequest, input_fd: int, result_fd: int, parent: int) -> None:
    """Give up every right, do what was asked with the file behind `input_fd`, write frames to `result_fd`."""
    sandbox.die_with_parent(parent=parent)
    try:
        with os.fdopen(input_fd, "rb") as stream:
            _give_up_rights(request, parent)
            for part in _frames(request, stream, result_fd):
                _write(result_fd, part)
    except MemoryError:
        _write(result_fd, _OUT_OF_MEMORY)
    except ParseError as error:
        _write(result_fd, wire.error_frame(error))


def _give_up_rights(request: ParseRequest, parent: int) -> None:
    sandbox.die_first()
    sandbox.leave_network()
    sandbox.drop_privileges()
    # The kernel forgets the death signal when a process changes its user.
    sandbox.die_with_parent(parent=parent)
    sandbox.limit_resources(limits=request.limits)
    sandbox.confine_files(home=request.home)
    sandbox.forbid_syscalls()


def _frames(request: ParseRequest, stream: BinaryIO, result_fd: int) -> Iterator[bytes]:
    if request.page is not None:
        yield wire.image_frame(draw_page(stream=stream, page=request.page))
        return
    document = parse_stream(
        stream=stream,
        filename=request.filename,
        limits=request.limits,
        progress=_Progress(result_fd),
    )
    yield from wire.document_frames(document)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]

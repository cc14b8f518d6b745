"""Runs the parsing child and outlives whatever becomes of it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from rag.parsing.document import Block, ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.forking import ForkedChild, StillRunningError, fork_child
from rag.parsing.limits import MIB, ParseLimits
from rag.parsing.reader import check_file
from rag.parsing.request import MOST_HIGHLIGHT, PageRequest, ParseRequest
from rag.parsing.sandbox import UNPRIVILEGED_ID
from rag.parsing.wire import (
    FrameKind,
    FrameReader,
    WireError,
    unpack_blocks,
    unpack_document,
    unpack_error,
    unpack_image,
)

_POLL_SECONDS = 0.2
_CHUNK = 256 * 1024
_STDERR_BYTES = 16 * 1024
# Characters travel as UTF-8 JSON, tables twice (text and rows), each block with its section path.
_WIRE_BYTES_PER_CHAR = 16
_IMAGE_BYTES = 32 * MIB
_OUT_OF_MEMORY = (b"MemoryError", b"bad_alloc", b"ut of memory", b"Cannot allocate memory")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


def parse_in_child(
    *,
    path: Path,
    filename: str,
    limits: ParseLimits,
    on_progress: Callable[[float], None] | None = None,
    should_cancel: Callable[[], bool] | None = None,
) -> ParsedDocument:
    """Read a file in a child process of its own, without network, secrets or rights, within the limits.

    ``on_progress`` hears fractions from 0 to 1; ``should_cancel`` is asked at most five times a second. However the
    child ends, it is gone when this returns. Raises ParseError; what a callback raises passes through.
    """
    most = limits.max_chars * _WIRE_BYTES_PER_CHAR + 64 * MIB
    with path.open("rb") as stream:
        check_file(stream=stream, filename=filename, limits=limits)
        with _child(stream.fileno(), filename, limits) as child:
            return _Watch(child, limits, _Document(on_progress), most, should_cancel).run()


def draw_page_in_child(
    *, path: Path, filename: str, limits: ParseLimits, number: int, width: int, highlight: str = ""
) -> bytes:
    """A page of a PDF as PNG, drawn in a child process as ``parse_in_child`` reads in one.

    ``number`` counts from 1; ``width`` is in pixels; ``highlight`` is text whose place is marked if it stands there. Raises
    ParseError, ``unsupported_format`` for what is no PDF.
    """
    page = PageRequest(number=number, width=width, highlight=highlight[:MOST_HIGHLIGHT])
    with path.open("rb") as stream:
        name = check_file(stream=stream, filename=filename, limits=limits)
        if name != "pdf":
            raise ParseError("unsupported_format", {"extension": name, "supported": "pdf"})
        with _child(stream.fileno(), filename, limits, page) as child:
            return _Watch(child, limits, _Image(), _IMAGE_BYTES).run()


@contextlib.contextmanager
def _child(
    input_fd: int, filename: str, limits: ParseLimits, page: PageRequest | None = None
) -> Iterator[ForkedChild]:
    with tempfile.TemporaryDirectory(prefix="karez-parse-", ignore_cleanup_errors=True) as home:
        if os.geteuid() == 0:
            os.chown(home, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        request = ParseRequest(filename=filename, home=home, limits=limits, page=page)
        child = fork_child(request=request, input_fd=input_fd)
        try:
            yield child
        finally:
            child.end()


class _Answer(Protocol[T_co]):
    """Puts together what a child answers with."""

    def take(self, kind: FrameKind, content: object) -> T_co | None:
        """The whole, once this was its last frame. Raises WireError."""


@dataclass(slots=True)
class _Document:
    on_progress: Callable[[float], None] | None
    blocks: list[Block] = field(default_factory=list)

    def take(self, kind: FrameKind, content: object) -> ParsedDocument | None:
        if kind is FrameKind.DONE:
            return unpack_document(content, self.blocks)
        if kind is FrameKind.BLOCKS:
            self.blocks.extend(unpack_blocks(content))
        elif kind is FrameKind.PROGRESS:
            if self.on_progress is not None and isinstance(content, int | float):
                self.on_progress(min(max(float(content), 0.0), 1.0))
        else:
            raise WireError("an image in place of a document")
        return None


class _Image:
    def take(self, kind: FrameKind, content: object) -> bytes | None:
        if kind is not FrameKind.IMAGE:
            raise WireError("a document in place of an image")
        return unpack_image(content)


@dataclass(slots=True)
class _Watch(Generic[T]):
    """Listens to one child until it has answered, died, run out of time, or is no longer wanted."""

    child: ForkedChild
    limits: ParseLimits
    answer: _Answer[T]
    max_bytes: int
    should_cancel: Callable[[], bool] | None = None
    stderr: bytearray = field(default_factory=bytearray)
    result: T | None = None
    ask_next: float = 0.0

    def run(self) -> T:
        """What the child answered. Raises ParseError."""
        deadline = time.monotonic() + self.limits.seconds
        frames = FrameReader(max_bytes=self.max_bytes)
        try:
            self._listen(frames, deadline)
        except WireError as error:
            raise ParseError("parse_crashed", {"detail": str(error)}) from error
        if self.result is not None:
            return self.result
        raise self._obituary(deadline)

    def _listen(self, frames: FrameReader, deadline: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.child.results, selectors.EVENT_READ)
            selector.register(self.child.stderr, selectors.EVENT_READ)
            while self.result is None and self.child.results in {
                key.fileobj for key in selector.get_map().values()
            }:
                self._check(deadline)
                for key, _ in selector.select(min(_POLL_SECONDS, max(deadline - time.monotonic(), 0.0))):
                    data = os.read(key.fd, _CHUNK)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self.child.stderr:
                        self.stderr += data[: max(_STDERR_BYTES - len(self.stderr), 0)]
                    else:
                        self._take(frames, data)

    def _check(self, deadline: float) -> None:
        now = time.monotonic()
        if self.should_cancel is not None and now >= self.ask_next:
            self.ask_next = now + _POLL_SECONDS
            if self.should_cancel():
                raise ParseError("parse_cancelled")
        if now >= deadline:
            raise ParseError("parse_timeout", {"seconds": int(self.limits.seconds)})

    def _take(self, frames: FrameReader, data: bytes) -> None:
        for kind, content in frames.feed(data):
            if kind is FrameKind.ERROR:
                raise unpack_error(content)
            self.result = self.answer.take(kind, content)

    def _obituary(self, deadline: float) -> ParseError:
        """Why a child ended without an answer."""
        try:
            code = self.child.wait(seconds=max(deadline - time.monotonic(), 0.1))
        except StillRunningError:
            return ParseError("parse_timeout", {"seconds": int(self.limits.seconds)})
        while len(self.stderr) < _STDERR_BYTES and (data := os.read(self.child.stderr.fileno(), _CHUNK)):
            self.stderr += data
        if code == -signal.SIGXCPU:
            return ParseError("parse_timeout", {"seconds": self.limits.cpu_seconds})
        if any(sign in self.stderr for sign in _OUT_OF_MEMORY):
            return ParseError("parse_memory", {"limit": self.limits.memory_bytes})
        last = bytes(self.stderr).decode("utf-8", errors="replace").strip().rsplit("\n", 1)[-1]
        params: dict[str, str | int] = {"signal": -code} if code < 0 else {"exit": code}
        return ParseError("parse_crashed", params | {"detail": last[:200]})

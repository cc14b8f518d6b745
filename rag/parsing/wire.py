"""What travels from the child to its parent: frames of a kind, a length and JSON, or the bytes of an image.

The parent trusts nothing it receives: the child has read a stranger's file.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from enum import IntEnum

from rag.parsing.document import Block, BlockKind, ParsedDocument
from rag.parsing.errors import CODES, ParseError

_HEADER = struct.Struct(">BI")
_MAX_FRAME = 64 * 1024 * 1024
_FRAME_CHARS, _FRAME_BLOCKS = 1_000_000, 2_000
# A table beyond this travels as text alone: its cells would double it, and no passage is cut by them.
_ROWS_CHARS = 2_000_000
_PNG_HEAD = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"


class FrameKind(IntEnum):
    """What a frame holds."""

    PROGRESS = 1
    BLOCKS = 2
    DONE = 3
    ERROR = 4
    IMAGE = 5


class WireError(Exception):
    """The child sent something that is not a frame."""


def frame(kind: FrameKind, content: object) -> bytes:
    """One frame, ready to be written."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", errors="replace")
    return _HEADER.pack(kind, len(body)) + body


def document_frames(document: ParsedDocument) -> Iterator[bytes]:
    """A document as several frames, so that neither side holds it twice."""
    part: list[list[object]] = []
    chars = 0
    for block in document.blocks:
        part.append(_pack(block))
        chars += len(block.text)
        if chars >= _FRAME_CHARS or len(part) >= _FRAME_BLOCKS:
            yield frame(FrameKind.BLOCKS, part)
            part, chars = [], 0
    if part:
        yield frame(FrameKind.BLOCKS, part)
    meta = {"title": document.title, "pages": document.pages, "warnings": document.warnings}
    yield frame(FrameKind.DONE, meta)


def image_frame(png: bytes) -> bytes:
    """A page that was drawn."""
    return _HEADER.pack(FrameKind.IMAGE, len(png)) + png


def error_frame(error: ParseError) -> bytes:
    """A refusal."""
    return frame(FrameKind.ERROR, {"code": error.code, "params": error.params})


class FrameReader:
    """Cuts the byte stream of a child into frames. Raises WireError for oversized or senseless ones."""

    def __init__(self, *, max_bytes: int) -> None:
        self._buffer = bytearray()
        self._left = max_bytes

    def feed(self, data: bytes) -> Iterator[tuple[FrameKind, object]]:
        """Every frame that is complete with these bytes."""
        self._left -= len(data)
        if self._left < 0:
            raise WireError("more than a document may hold")
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            kind, length = _HEADER.unpack_from(self._buffer)
            if length > _MAX_FRAME:
                raise WireError("frame too large")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield _decode(kind, body)


def unpack_blocks(content: object) -> Iterable[Block]:
    """Blocks of a BLOCKS frame. Raises WireError."""
    try:
        return [_unpack(item) for item in content]  # type: ignore[attr-defined]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise WireError("not a block") from error


def unpack_document(content: object, blocks: Iterable[Block]) -> ParsedDocument:
    """The document that a DONE frame closes. Raises WireError."""
    if not isinstance(content, dict):
        raise WireError("not a document")
    title, pages, warnings = content.get("title"), content.get("pages"), content.get("warnings") or []
    if (
        not isinstance(title, str | None)
        or not isinstance(pages, int | None)
        or not isinstance(warnings, list)
    ):
        raise WireError("not a document")
    return ParsedDocument(title, tuple(blocks), pages, tuple(str(warning) for warning in warnings))


def unpack_image(content: object) -> bytes:
    """The PNG of an IMAGE frame, by its head. Raises WireError."""
    if not isinstance(content, bytes) or not content.startswith(_PNG_HEAD):
        raise WireError("not an image")
    return content


def unpack_error(content: object) -> ParseError:
    """The refusal in an ERROR frame. Raises WireError."""
    if (
        not isinstance(content, dict)
        or content.get("code") not in CODES
        or not isinstance(content.get("params"), dict)
    ):
        raise WireError("not an error")
    params = {str(name): value for name, value in content["params"].items() if isinstance(value, str | int)}
    return ParseError(content["code"], params)


def _decode(kind: int, body: bytes) -> tuple[FrameKind, object]:
    try:
        known = FrameKind(kind)
        return known, body if known is FrameKind.IMAGE else json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError("not a frame") from error


def _pack(block: Block) -> list[object]:
    rows = block.rows if len(block.text) <= _ROWS_CHARS else ()
    return [block.kind.value, block.text, block.page, block.level, block.section, rows]


def _unpack(item: list[object]) -> Block:
    kind, text, page, level, section, rows = item
    if not isinstance(text, str) or not isinstance(page, int | None) or not isinstance(level, int | None):
        raise ValueError("types")
    if not isinstance(section, list) or not isinstance(rows, list):
        raise ValueError("types")
    path = tuple(str(part) for part in section)
    return Block(BlockKind(str(kind)), text, page, level, path, tuple(tuple(map(str, row)) for row in rows))

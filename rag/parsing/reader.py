"""Reads a file in this process; in production this runs inside the child."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from rag.parsing.collector import BlockCollector, ignore_progress
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.formats import HEAD_BYTES, detect_format
from rag.parsing.limits import ParseLimits
from rag.parsing.registry import check_content, parser_for


def parse_file(*, path: Path, filename: str, limits: ParseLimits) -> ParsedDocument:
    """Read a file in this process. ``filename`` is the name the user gave it.

    Time, memory and the network are not limited here: parse_in_child does that. Raises ParseError.
    """
    with path.open("rb") as stream:
        return parse_stream(stream=stream, filename=filename, limits=limits)


def parse_stream(
    *,
    stream: BinaryIO,
    filename: str,
    limits: ParseLimits,
    progress: Callable[[float], None] = ignore_progress,
) -> ParsedDocument:
    """Read an open, seekable file in this process."""
    name = check_file(stream=stream, filename=filename, limits=limits)
    collector = BlockCollector(limits=limits, progress=progress)
    try:
        document = parser_for(name)(stream=stream, filename=filename, collector=collector)
    except RecursionError as error:
        raise ParseError("corrupt_file", {"detail": "nested too deeply"}) from error
    check_content(document, name=name)
    return document


def check_file(*, stream: BinaryIO, filename: str, limits: ParseLimits) -> str:
    """Name the format after the cheap checks; the stream is left at its start.

    Raises ParseError ``empty_file``, ``file_too_large`` or ``unsupported_format``.
    """
    size = stream.seek(0, os.SEEK_END)
    if size > limits.max_file_bytes:
        raise ParseError("file_too_large", {"bytes": size, "limit": limits.max_file_bytes})
    stream.seek(0)
    name = detect_format(head=stream.read(HEAD_BYTES), filename=filename)
    stream.seek(0)
    return name

"""Plain text: paragraphs between empty lines, wrapped lines joined, numbered headings recognised."""

from __future__ import annotations

from typing import BinaryIO

from rag.parsing.charset import decode
from rag.parsing.cleaning import clean_text
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.outline import compress_levels, heading_rank
from rag.parsing.reading import read_all

_MAX_LINES_PER_BLOCK = 60


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a text of any encoding. Raises ParseError ``corrupt_file`` for binary data."""
    decoded = decode(read_all(stream=stream, collector=collector))
    if decoded.damaged:
        collector.warnings.append(f"text_replaced:{decoded.encoding}")
    add_text(decoded.text, collector)
    return collector.document(title=None, pages=None)


def add_text(text: str, collector: BlockCollector) -> None:
    """Add the paragraphs and headings of a text to a document under way."""
    lines = [line.strip() for line in clean_text(text).split("\n")]
    levels = compress_levels(rank for line in lines if (rank := heading_rank(line)) is not None)
    paragraph: list[str] = []
    for number, line in enumerate(lines):
        rank = heading_rank(line) if line else None
        if rank is not None or not line or len(paragraph) >= _MAX_LINES_PER_BLOCK:
            collector.paragraph("\n".join(paragraph))
            paragraph = []
        if rank is not None:
            collector.heading(line, level=levels[rank])
        elif line:
            paragraph.append(line)
        if number % 2000 == 0:
            collector.progress(number / len(lines))
    collector.paragraph("\n".join(paragraph))

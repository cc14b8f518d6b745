"""CSV and TSV: encoding and delimiter are found out, the rows become a table that keeps its delimiter."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import BinaryIO

from rag.parsing.charset import decode
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.formats import extension_of
from rag.parsing.reading import read_all

_DELIMITERS = (",", "\t", ";", "|")
_SAMPLE_CHARS = 65536
_SAMPLE_ROWS = 50


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a CSV. A file of one column is read as text lines of one cell."""
    decoded = decode(read_all(stream=stream, collector=collector))
    if decoded.damaged:
        collector.warnings.append(f"text_replaced:{decoded.encoding}")
    text = decoded.text.replace("\x00", "")
    delimiter = _delimiter(text, default="\t" if extension_of(filename) == "tsv" else ",")
    csv.field_size_limit(max(collector.limits.max_chars, 131072))
    collector.table(_rows(text, delimiter), separator=delimiter)
    return collector.document(title=None, pages=None)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ParseError("corrupt_file", {"detail": str(error)[:200]}) from error


def _delimiter(text: str, *, default: str) -> str:
    """The delimiter that cuts the most rows into the same number of cells, at least two."""
    scores: dict[str, tuple[float, int]] = {}
    for delimiter in _DELIMITERS:
        reader = csv.reader(io.StringIO(text[:_SAMPLE_CHARS], newline=""), delimiter=delimiter)
        try:
            widths = [len(row) for row, _ in zip(reader, range(_SAMPLE_ROWS), strict=False) if row]
        except csv.Error:
            continue
        width, rows = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1:
            scores[delimiter] = (rows / len(widths), width if delimiter == default else 0)
    return max(scores, key=lambda name: scores[name]) if scores else default

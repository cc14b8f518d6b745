"""PDF by PDFium: text in the document's order, ruled tables, headings guessed from size and number."""

from __future__ import annotations

import ctypes
import math
import mmap
import re
import time
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import Any, BinaryIO

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from rag.parsing.cleaning import clean_text, one_line
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.outline import compress_levels, heading_rank
from rag.parsing.pdf_lines import Line, Paragraphs, printed_width, running_lines, unspaced
from rag.parsing.pdf_tables import PageTable, find_tables

_MIN_CHARS_PER_PAGE = 5
_MAX_NAMED_PAGES = 50
_HEADING_WIDTH = 50
# 12 points over 10.5, the usual step of Chinese office documents, is 1.14; a paper's 12 over 10.9 is 1.10.
_LARGER = 1.08
_HEADING_LINES = 4
_DATE = re.compile(
    r"[0-9〇一二三四五六七八九十]{2,4}\s*年\s*[0-9一二三四五六七八九十]{1,2}\s*月(?:\s*[0-9一二三四五六七八九十]{1,3}\s*日)?"
)
_PRODUCER_TITLE = re.compile(
    r"^(?:Microsoft \w+ - |untitled|无标题|.*\.(?:docx?|wps|pptx?|xlsx?|indd|tex|dvi)$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    parts: tuple[Line | PageTable, ...]


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a PDF. Raises ParseError ``encrypted_file``, ``corrupt_file``, ``no_text``."""
    document = open_pdf(stream)
    try:
        count = len(document)
        collector.check_pages(count)
        pages = _read_pages(document, collector)
        _check_text(pages, collector)
        _Assembler(pages, collector).run()
        return collector.document(title=_title(document, collector), pages=count)
    finally:
        document.close()


def open_pdf(stream: BinaryIO) -> pdfium.PdfDocument:
    """Raises ParseError ``encrypted_file``, ``corrupt_file``."""
    try:
        view = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        source: Any = (ctypes.c_ubyte * len(view)).from_buffer(view)
    except (OSError, ValueError):  # an attachment in memory has no file behind it
        stream.seek(0)
        source = stream.read()
    try:
        return pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        protected = error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY)
        raise ParseError(
            "encrypted_file" if protected else "corrupt_file", {"detail": str(error)[:200]}
        ) from error


def _read_pages(document: pdfium.PdfDocument, collector: BlockCollector) -> list[_Page]:
    pages: list[_Page] = []
    table_deadline = time.monotonic() + collector.limits.table_seconds
    broken = 0
    for index in range(len(document)):
        try:
            parts = _read_page(document, index, with_tables=time.monotonic() < table_deadline)
        except pdfium.PdfiumError:
            broken += 1
            parts = []
        pages.append(_Page(index + 1, tuple(parts)))
        collector.count(sum(len(part.text) for part in parts))
        collector.progress((index + 1) / len(document) * 0.9)
    if broken:
        collector.warnings.append(f"pages_unreadable:{broken}")
    if broken == len(document):
        raise ParseError("corrupt_file", {"detail": "no page can be read"})
    if time.monotonic() >= table_deadline:
        collector.warnings.append("tables_skipped:time")
    return pages


def _read_page(document: pdfium.PdfDocument, index: int, *, with_tables: bool) -> list[Line | PageTable]:
    page = document[index]
    try:
        textpage = page.get_textpage()
        try:
            tables = find_tables(page=page, textpage=textpage) if with_tables else []
            return _in_order(textpage, tables)
        finally:
            textpage.close()
    finally:
        page.close()


def _in_order(textpage: pdfium.PdfTextPage, tables: list[PageTable]) -> list[Line | PageTable]:
    """Lines outside the tables, and each table where its first character stood."""
    parts: list[Line | PageTable] = []
    waiting = {position: table for table in tables for position in table.positions}
    placed: set[int] = set()
    for start, text in _raw_lines(textpage):
        kept: list[str] = []
        for offset, char in enumerate(text):
            table = waiting.get(start + offset)
            if table is None:
                kept.append(char)
            elif id(table) not in placed:
                placed.add(id(table))
                if "".join(kept).strip():
                    parts.append(_line(textpage, start, "".join(kept)))
                    kept = []
                parts.append(table)
        if "".join(kept).strip():
            parts.append(_line(textpage, start, "".join(kept)))
    return parts


def _raw_lines(textpage: pdfium.PdfTextPage) -> list[tuple[int, str]]:
    """Each line with the index of its first character in the page's text."""
    lines, start = [], 0
    for line in re.split(r"(?<=\n)", textpage.get_text_range()):
        lines.append((start, line))
        start += len(line)
    return lines


def _line(textpage: pdfium.PdfTextPage, start: int, text: str) -> Line:
    lead = len(text) - len(text.lstrip())
    size = _type_size(textpage, raw.FPDFText_GetCharIndexFromTextIndex(textpage, start + lead))
    hyphen = text.rstrip("\r\n ").endswith(("\x02", "\ufffe"))
    return Line(unspaced(clean_text(text)).strip(), size, hyphen)


def _type_size(textpage: pdfium.PdfTextPage, index: int) -> float:
    """Size in points as printed: the font's nominal size times the scale of the text matrix."""
    matrix = raw.FS_MATRIX()
    if index < 0 or not raw.FPDFText_GetMatrix(textpage, index, matrix):
        return 0.0
    return round(float(raw.FPDFText_GetFontSize(textpage, index)) * math.hypot(matrix.c, matrix.d), 1)


def _check_text(pages: list[_Page], collector: BlockCollector) -> None:
    counts = [sum(len("".join(part.text.split())) for part in page.parts) for page in pages]
    if sum(counts) < _MIN_CHARS_PER_PAGE * len(pages):
        raise ParseError("no_text", {"pages": len(pages)})
    empty = [page.number for page, count in zip(pages, counts, strict=True) if count == 0]
    if empty:
        collector.warnings.append("pages_without_text:" + ",".join(map(str, empty[:_MAX_NAMED_PAGES])))


class _Assembler:
    """Turns the lines of all pages into headings, paragraphs and tables."""

    def __init__(self, pages: list[_Page], collector: BlockCollector) -> None:
        self._pages = pages
        self._collector = collector
        lines = [part for page in pages for part in page.parts if isinstance(part, Line)]
        self._body = _body_size(lines)
        self._prose = {id(line) for page in pages for line in _large_prose(page.parts)}
        self._running = running_lines([[p for p in page.parts if isinstance(p, Line)] for page in pages])
        self._levels = compress_levels(rank for line in lines if (rank := self._rank(line)) is not None)

    def run(self) -> None:
        # What was counted while reading is counted once more as blocks are made.
        self._collector.uncount(sum(len(part.text) for page in self._pages for part in page.parts))
        paragraphs = Paragraphs(self._collector)
        seen: set[str] = set()
        for page in self._pages:
            for part in page.parts:
                self._place(part, page.number, paragraphs, seen)
        paragraphs.flush()

    def _place(self, part: Line | PageTable, number: int, paragraphs: Paragraphs, seen: set[str]) -> None:
        if isinstance(part, PageTable):
            paragraphs.flush()
            self._collector.page = number
            self._collector.table(part.rows, separator="\t")
            return
        if part.key in self._running:
            if part.key in seen:
                return
            seen.add(part.key)
        rank = self._rank(part)
        if rank is None:
            paragraphs.add(part, page=number)
            return
        paragraphs.flush()
        self._collector.page = number
        self._collector.heading(part.text, level=min(self._levels[rank], 6))

    def _rank(self, line: Line) -> int | None:
        """Rank of a heading: larger type first, then numbering. Running heads are never headings."""
        if line.key in self._running:
            return None
        text = one_line(line.text)
        short = (
            len(text) > 1
            and printed_width(text) <= _HEADING_WIDTH
            and not text.endswith(("。", "；", "，", ".", ",", ";"))
        )
        larger = self._body > 0 and line.size >= self._body * _LARGER and id(line) not in self._prose
        if short and larger and text[0].isalnum() and not _DATE.fullmatch(text):
            return -round(line.size * 2)
        return heading_rank(text)


def _large_prose(parts: tuple[Line | PageTable, ...]) -> list[Line]:
    """Lines of large type that run on as sentences do: a notice set large is no heading."""
    prose: list[Line] = []
    for _, group in groupby(parts, key=lambda part: part.size if isinstance(part, Line) else None):
        lines = [part for part in group if isinstance(part, Line)]
        if len(lines) > _HEADING_LINES or any(line.text.endswith("。") for line in lines):
            prose.extend(lines)
    return prose


def _body_size(lines: list[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _title(document: pdfium.PdfDocument, collector: BlockCollector) -> str | None:
    try:
        named = one_line(document.get_metadata_value("Title") or "")
    except (pdfium.PdfiumError, UnicodeError):
        named = ""
    if named and not _PRODUCER_TITLE.match(named):
        return named
    return next((block.text for block in collector.blocks if block.level == 1), None)

"""XLSX by openpyxl's streaming reader: every sheet, cached values, merged cells, plain dates."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import openpyxl
from lxml import etree  # type: ignore[import-untyped]
from openpyxl.utils.exceptions import InvalidFileException

from rag.parsing.archive import check_archive, unreadable
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.sheet_merges import Merges

_DEFAULT_SHEET = re.compile(r"^(?:sheet|工作表|表)\s*\d*$", re.IGNORECASE)
# The format's own bound; a row that claims to be further down would have millions of empty ones read before it.
_MAX_ROWS = 1_048_576
_BROKEN = (
    InvalidFileException,
    LookupError,
    ArithmeticError,
    ValueError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    etree.XMLSyntaxError,
    SyntaxError,
    OSError,
    EOFError,
)


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read an XLSX. Raises ParseError ``encrypted_file``, ``corrupt_file`` or ``file_too_large``."""
    check_archive(stream=stream, limits=collector.limits, required="xl/")
    try:
        workbook = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except _BROKEN as error:
        raise unreadable(error) from error
    try:
        sheets = [sheet for sheet in workbook.worksheets if hasattr(sheet, "reset_dimensions")]
        collector.check_pages(len(sheets))
        budget = _CellBudget(collector.limits.max_cells)
        for number, sheet in enumerate(sheets, start=1):
            collector.page = number
            _read_sheet(sheet, collector, budget, alone=len(sheets) == 1)
            collector.progress(number / len(sheets))
        return collector.document(title=_title(workbook), pages=len(sheets))
    finally:
        workbook.close()


class _CellBudget:
    """Cells still allowed in this workbook; far-away cells make rows of thousands of empty ones."""

    def __init__(self, cells: int) -> None:
        self._left = cells

    def spend(self, cells: int) -> bool:
        """Whether that many more may be read."""
        self._left -= max(cells, 1)
        return self._left >= 0


def _read_sheet(sheet: Any, collector: BlockCollector, budget: _CellBudget, *, alone: bool) -> None:
    title = str(sheet.title)
    started = len(collector.blocks)
    if not (alone and _DEFAULT_SHEET.match(title)):
        collector.heading(title, level=1)
    filled = len(collector.blocks)
    try:
        for group in _groups(_rows(sheet, collector, budget)):
            _place(group, collector)
    except _BROKEN as error:
        if len(collector.blocks) == filled:
            raise unreadable(error) from error
        collector.warnings.append(f"sheet_truncated:{title}")
    if len(collector.blocks) == filled:  # the name of an empty sheet says nothing
        del collector.blocks[started:]


def _rows(sheet: Any, collector: BlockCollector, budget: _CellBudget) -> Iterator[list[str]]:
    """Rows of text, merged cells filled in; ends with a warning where the budget does."""
    # The dimension written in the file may claim a billion cells: the rows themselves are believed instead.
    sheet.reset_dimensions()
    merges = Merges.of_sheet(sheet)
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        if number > _MAX_ROWS or not budget.spend(len(row)):
            collector.warnings.append(f"sheet_truncated:{sheet.title}")
            return
        yield merges.fill(number, [_text(value) for value in row])


def _groups(rows: Iterator[list[str]]) -> Iterator[list[list[str]]]:
    """Runs of rows between empty ones, each run at most as long as the collector would cut it anyway."""
    group: list[list[str]] = []
    for row in rows:
        if any(row):
            group.append(row)
        elif group:
            yield group
            group = []
    if group:
        yield group


def _place(group: list[list[str]], collector: BlockCollector) -> None:
    start = 0
    while start < len(group) and len({cell for cell in group[start] if cell}) == 1:
        collector.paragraph(next(cell for cell in group[start] if cell))
        start += 1
    collector.table(group[start:])


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dt.datetime):
        return (
            value.date().isoformat()
            if value.time() == dt.time()
            else value.isoformat(sep=" ", timespec="minutes")
        )
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value).strip()


def _number(value: float) -> str:
    """A float as a person wrote it: 0.1 + 0.2 is 0.3, 12.0 is 12."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.12g}"


def _title(workbook: Any) -> str | None:
    title: Sequence[str] | None = getattr(workbook.properties, "title", None)
    return str(title) if title else None

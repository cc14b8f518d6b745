"""PPTX by python-pptx: each slide a page, its title a heading, shapes from top to bottom, tables, notes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import pptx
from lxml import etree  # type: ignore[import-untyped]
from pptx.exc import PythonPptxError

from rag.parsing.archive import check_archive, unreadable
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError

_BROKEN = (
    PythonPptxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    etree.XMLSyntaxError,
    NotImplementedError,
)
_MAX_DEPTH = 12


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a PPTX. Raises ParseError ``encrypted_file``, ``corrupt_file`` or ``file_too_large``."""
    check_archive(stream=stream, limits=collector.limits, required="ppt/")
    try:
        deck = pptx.Presentation(stream)
        slides = list(deck.slides)
    except _BROKEN as error:
        raise unreadable(error) from error
    collector.check_pages(len(slides))
    broken: list[str] = []
    for number, slide in enumerate(slides, start=1):
        collector.page = number
        try:
            _read_slide(slide, collector)
        except _BROKEN:
            broken.append(str(number))
        collector.progress(number / len(slides))
    if broken:
        collector.warnings.append("slides_truncated:" + ",".join(broken[:50]))
    if broken and not collector.blocks:
        raise ParseError("corrupt_file", {"detail": "no slide can be read"})
    return collector.document(title=_title(deck, collector), pages=len(slides))


def _read_slide(slide: Any, collector: BlockCollector) -> None:
    title = slide.shapes.title
    heading = title.text_frame.text if title is not None and title.has_text_frame else ""
    if heading.strip():
        collector.heading(heading, level=1)
    else:
        collector.enter(base=())
    for shape in _in_reading_order(slide.shapes, 0):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        _read_shape(shape, collector)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        collector.paragraph(slide.notes_slide.notes_text_frame.text)


def _in_reading_order(shapes: Any, depth: int) -> Iterator[Any]:
    """Shapes from top to bottom and left to right; the members of a group stay together."""
    placed = sorted(enumerate(shapes), key=lambda item: (item[1].top or 0, item[1].left or 0, item[0]))
    for _, shape in placed:
        if hasattr(shape, "shapes"):
            if depth < _MAX_DEPTH:
                yield from _in_reading_order(shape.shapes, depth + 1)
        else:
            yield shape


def _read_shape(shape: Any, collector: BlockCollector) -> None:
    if getattr(shape, "has_table", False):
        collector.table([[_cell(cell) for cell in row.cells] for row in shape.table.rows])
    elif getattr(shape, "has_chart", False):
        _read_chart(shape.chart, collector)
    elif shape.has_text_frame:
        collector.paragraph("\n".join(paragraph.text for paragraph in shape.text_frame.paragraphs))


def _cell(cell: Any) -> str:
    return "" if cell.is_spanned else str(cell.text_frame.text)


def _read_chart(chart: Any, collector: BlockCollector) -> None:
    """The numbers behind a chart, a row for each category."""
    if chart.has_title and chart.chart_title.has_text_frame:
        collector.paragraph(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        series = list(plot.series)
        columns = [
            [str(category) for category in plot.categories],
            *([_plain(v) for v in s.values] for s in series),
        ]
        height = max((len(column) for column in columns), default=0)
        rows = [[column[row] if row < len(column) else "" for column in columns] for row in range(height)]
        collector.table([["", *(str(s.name) for s in series)], *rows])


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"


def _title(deck: Any, collector: BlockCollector) -> str | None:
    try:
        named = str(deck.core_properties.title or "")
    except (KeyError, ValueError, AttributeError):
        named = ""
    generic = named.lower() in {"", "powerpoint presentation", "powerpoint 演示文稿"}
    return next((block.text for block in collector.blocks if block.level == 1), None) if generic else named

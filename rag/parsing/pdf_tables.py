"""Ruled tables of a PDF page: the rules from PDFium's paths, the cells from pdfplumber's geometry.

pdfplumber never opens the file: its own reader is slow on dense pages and returns Kangxi radicals for
ideographs. Only its functions that turn edges into cells are used, and the text of each cell is PDFium's,
character by character.
"""

from __future__ import annotations

import bisect
import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from rag.parsing.cleaning import clean_text, one_line

_MIN_RULES = 4
_MAX_RULES = 3000
_MAX_PATHS = 6000
_STRAIGHT = 1.0
_SHORTEST = 4.0
_TOLERANCE = 3.0

Box = tuple[float, float, float, float]
Segment = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table and the indices of its characters in the page's text."""

    rows: tuple[tuple[str, ...], ...]
    positions: frozenset[int] = field(default_factory=frozenset)

    @property
    def text(self) -> str:
        """All cells, for counting."""
        return "\n".join("\t".join(row) for row in self.rows)


def find_tables(*, page: pdfium.PdfPage, textpage: pdfium.PdfTextPage) -> list[PageTable]:
    """Tables drawn with rules, of at least two rows and two columns; none where the page has few straight
    lines.
    """
    segments = list(_rules(page))
    upright = sum(abs(s[0] - s[2]) < _STRAIGHT for s in segments)
    if min(upright, len(segments) - upright) < 2 or not _MIN_RULES <= len(segments) <= _MAX_RULES:
        return []
    grids = [cells for cells in _grids(segments) if _is_table(cells)]
    if not grids:
        return []
    return _fill(grids, _characters(textpage))


def _rules(page: pdfium.PdfPage) -> Iterator[Segment]:
    """Straight level or upright segments, in page coordinates, of every drawn path."""
    height, width = page.get_height(), page.get_width()
    for number, item in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH], max_depth=3)):
        if number >= _MAX_PATHS:
            return
        for x0, y0, x1, y1 in _segments(item):
            level = abs(y0 - y1) < _STRAIGHT
            long = abs(x0 - x1) if level else abs(y0 - y1)
            inside = (
                min(x0, x1) > -5 and max(x0, x1) < width * 2 and min(y0, y1) > -5 and max(y0, y1) < height * 2
            )
            if (level or abs(x0 - x1) < _STRAIGHT) and long >= _SHORTEST and inside:
                yield x0, y0, x1, y1


def _segments(item: pdfium.PdfObject) -> Iterator[Segment]:
    matrices = [item.get_matrix()]
    container = item.container
    while container is not None:
        matrices.append(container.get_matrix())
        container = container.container
    start: tuple[float, float] | None = None
    last: tuple[float, float] | None = None
    x, y = ctypes.c_float(), ctypes.c_float()
    for index in range(min(raw.FPDFPath_CountSegments(item), _MAX_RULES)):
        segment = raw.FPDFPath_GetPathSegment(item, index)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = (x.value, y.value)
        for matrix in matrices:
            point = matrix.on_point(*point)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            start = point
        elif kind == raw.FPDF_SEGMENT_LINETO and last:
            yield (*last, *point)
        last = point
        if start and raw.FPDFPathSegment_GetClose(segment):
            yield (*last, *start)


def _grids(segments: list[Segment]) -> list[list[Box]]:
    """Cells of each grid as (x0, top, x1, bottom), y growing downwards as in pdfplumber's geometry."""
    from pdfplumber import table as geometry

    edges: list[dict[str, Any]] = []
    for x0, y0, x1, y1 in segments:
        level = abs(y0 - y1) < _STRAIGHT
        left, right, top, bottom = min(x0, x1), max(x0, x1), -max(y0, y1), -min(y0, y1)
        edge = {
            "x0": left,
            "x1": right,
            "top": top,
            "bottom": bottom,
            "width": right - left,
            "height": bottom - top,
        }
        edges.append(edge | {"orientation": "h" if level else "v", "object_type": "line"})
    merged = geometry.merge_edges(edges, _TOLERANCE, _TOLERANCE, _TOLERANCE, _TOLERANCE)
    crossings = geometry.edges_to_intersections(merged, _TOLERANCE, _TOLERANCE)
    if len(crossings) > _MAX_RULES:
        return []
    return list(geometry.cells_to_tables(geometry.intersections_to_cells(crossings)))


def _is_table(cells: list[Box]) -> bool:
    return len({cell[1] for cell in cells}) >= 2 and len({cell[0] for cell in cells}) >= 2


def _characters(textpage: pdfium.PdfTextPage) -> list[tuple[int, str, float, float]]:
    """(index in the page's text, character, centre x, centre y downwards); generated breaks have no place."""
    found: list[tuple[int, str, float, float]] = []
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    for position, char in enumerate(textpage.get_text_range()):
        if char in "\r\n":
            continue
        index = raw.FPDFText_GetCharIndexFromTextIndex(textpage, position)
        if index < 0 or not raw.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
            continue
        centre = (left.value + right.value) / 2, -(bottom.value + top.value) / 2
        found.append((position, char, *centre))
    return found


def _fill(grids: list[list[Box]], characters: list[tuple[int, str, float, float]]) -> list[PageTable]:
    tables = []
    for cells in grids:
        table = _table(cells, characters)
        filled = sum(1 for row in table.rows for cell in row if cell)
        if len(table.rows) >= 2 and filled >= 3:
            tables.append(table)
    return tables


def _table(cells: list[Box], characters: list[tuple[int, str, float, float]]) -> PageTable:
    lefts, tops = sorted({cell[0] for cell in cells}), sorted({cell[1] for cell in cells})
    by_place = {(bisect.bisect_right(tops, c[1]) - 1, bisect.bisect_right(lefts, c[0]) - 1): c for c in cells}
    owner = _owners(by_place, lefts, tops)
    texts: dict[tuple[int, int], list[str]] = {}
    lines: dict[tuple[int, int], float] = {}
    positions: set[int] = set()
    for position, char, x, y in characters:
        place = owner.get((bisect.bisect_right(tops, y) - 1, bisect.bisect_right(lefts, x) - 1))
        if place is None or not _within(by_place[place], x, y):
            continue
        parts = texts.setdefault(place, [])
        if parts and y - lines[place] > _TOLERANCE * 2 and char > " " and "\u2e7f" > parts[-1] > " ":
            parts.append(" ")
        lines[place] = y
        parts.append(char)
        positions.add(position)
    rows = [
        tuple(one_line(clean_text("".join(texts.get((row, column), ())))) for column in range(len(lefts)))
        for row in range(len(tops))
    ]
    return PageTable(tuple(row for row in rows if any(row)), frozenset(positions))


def _owners(
    by_place: dict[tuple[int, int], Box], lefts: list[float], tops: list[float]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Which cell, by its top left place in the grid, covers each place: merged cells cover several."""
    owners: dict[tuple[int, int], tuple[int, int]] = {}
    for place, (_, _, right, bottom) in by_place.items():
        for row in range(place[0], bisect.bisect_left(tops, bottom - _STRAIGHT)):
            for column in range(place[1], bisect.bisect_left(lefts, right - _STRAIGHT)):
                owners[(row, column)] = place
    return owners


def _within(cell: Box, x: float, y: float) -> bool:
    return cell[0] - 1 <= x <= cell[2] + 1 and cell[1] - 1 <= y <= cell[3] + 1

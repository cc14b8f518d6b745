"""Merged ranges of a worksheet, which openpyxl's streaming reader leaves out."""

from __future__ import annotations

import re
from typing import Any

from openpyxl.utils import range_boundaries

_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z]{1,3}\d{1,7}:[A-Z]{1,3}\d{1,7})\"")
_CHUNK = 1024 * 1024
_OVERLAP = 200
_MAX_MERGES = 20_000
_MAX_DEPTH = 500
_HEADER_ROWS = 4


class Merges:
    """Repeats the text of a merged cell: downwards in every row it covers, sideways only in a sheet's first
    rows.

    A category merged over twenty rows belongs to each of them; a title merged over ten columns does not.
    """

    def __init__(self, ranges: list[tuple[int, int, int, int]]) -> None:
        self._starting: dict[int, list[tuple[int, int, int, int]]] = {}
        for left, top, right, bottom in ranges:
            self._starting.setdefault(top, []).append((left, top, right, bottom))
        self._open: list[tuple[tuple[int, int, int, int], str]] = []

    @classmethod
    def of_sheet(cls, sheet: Any) -> Merges:
        """Read the ranges from the sheet's own XML, as a stream."""
        found: list[tuple[int, int, int, int]] = []
        tail = b""
        with sheet.parent._archive.open(sheet._worksheet_path) as source:
            while chunk := source.read(_CHUNK):
                found.extend(_ranges(tail + chunk))
                tail = (tail + chunk)[-_OVERLAP:]
                if len(found) > _MAX_MERGES:
                    break
        return cls(list(dict.fromkeys(found)))

    def fill(self, number: int, row: list[str]) -> list[str]:
        """The row with the text of the merged cells that cover it."""
        self._open = [(area, text) for area, text in self._open if area[3] >= number]
        for (left, top, right, _), text in self._open:
            if top < number and left == right and left <= len(row) and not row[left - 1]:
                row[left - 1] = text
        for area in self._starting.get(number, ()):
            left, _, right, _ = area
            if left > len(row) or not row[left - 1]:
                continue
            self._open.append((area, row[left - 1]))
            whole_width = left == 1 and right >= len(row)
            if number <= _HEADER_ROWS and right > left and not whole_width:
                for column in range(left, min(right, len(row))):
                    row[column] = row[column] or row[left - 1]
        return row


def _ranges(data: bytes) -> list[tuple[int, int, int, int]]:
    areas = []
    for match in _MERGE.finditer(data):
        left, top, right, bottom = (
            int(edge or 0) for edge in range_boundaries(match.group(1).decode("ascii"))
        )
        if 0 < left <= right and 0 < top <= bottom and bottom - top <= _MAX_DEPTH:
            areas.append((left, top, right, bottom))
    return areas

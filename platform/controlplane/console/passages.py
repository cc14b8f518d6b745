"""A passage as a page shows it: lines of cells between bars, which readers of documents make of tables, as a table.

The chat's page does the same (`frontend/chat/page/passage.js`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.console.marks import Piece, marked

_ROW = re.compile(r"\| .* \|")

Cells = tuple[tuple[Piece, ...], ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Text, or the rows of a table of which the first is its head."""

    pieces: tuple[Piece, ...] = ()
    rows: tuple[Cells, ...] = ()


def parts_of(*, text: str, terms: Sequence[str] = ()) -> tuple[Part, ...]:
    """`terms` are marked, in the cells as well."""
    found: list[Part] = []
    lines: list[str] = []
    table: list[list[str]] = []

    def end_table() -> None:
        # A row by itself is a line: what it would be the head of is not there, or a cell has a bar of its own.
        if len(table) == 1:
            lines.append(f"| {' | '.join(table[0])} |")
        elif table:
            end_lines()
            rows = tuple(tuple(marked(text=cell, terms=terms) for cell in row) for row in table)
            found.append(Part(rows=rows))
        table.clear()

    def end_lines() -> None:
        if lines:
            found.append(Part(pieces=marked(text="\n".join(lines), terms=terms)))
        lines.clear()

    for line in text.split("\n"):
        cells = line[2:-2].split(" | ") if _ROW.fullmatch(line) else None
        if table and (cells is None or len(cells) != len(table[0])):
            end_table()
        if cells is None:
            lines.append(line)
        else:
            table.append(cells)
    end_table()
    end_lines()
    return tuple(found)

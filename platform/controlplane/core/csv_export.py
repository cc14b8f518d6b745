"""Lists as CSV files, however long: a block of rows at a time, none of them kept.

Each block is read in a short transaction of its own, so that an export over a slow line holds no connection and no snapshot.
What is written meanwhile may therefore be in the file or not.
"""

import csv
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Generic, TypeVar

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from controlplane.core.offload import in_thread

Cell = str | int | float | None
T = TypeVar("T")
# Excel takes a file without it for one in the machine's old code page.
_BOM = "\ufeff"
# What a spreadsheet takes for the beginning of a formula, those of a Chinese one too, and what it skips before it looks.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True, slots=True)
class Block(Generic[T]):
    """Some rows, and from where to go on; None at the end."""

    rows: Sequence[Sequence[Cell]]
    following: T | None


# Reads the block that begins there (None: the first). It opens the scope in which it may see the rows.
ReadBlock = Callable[[T | None], Block[T]]


def csv_response(
    *, request: HttpRequest, filename: str, header: Sequence[str], read: ReadBlock[T]
) -> StreamingHttpResponse:
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_blocks(header, read), headers=headers)
    return StreamingHttpResponse(_blocking_blocks(header, read), headers=headers)


def csv_text(rows: Sequence[Sequence[Cell]]) -> str:
    """Numbers stay numbers; a text that would be a formula is marked as a text with an apostrophe."""
    written = StringIO()
    csv.writer(written).writerows([[_guarded(cell) for cell in row] for row in rows])
    return written.getvalue()


def _guarded(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and _may_be_formula(cell) else cell


def _may_be_formula(text: str) -> bool:
    # Also one that is marked: it comes back as it was.
    return text.lstrip("'").startswith(_FORMULA)


def unguarded(text: str) -> str:
    """A text that `csv_text` may have marked, as it was."""
    marked = text.startswith("'") and _may_be_formula(text)
    return text[1:] if marked else text


def _first(header: Sequence[str]) -> bytes:
    return (_BOM + csv_text([header])).encode()


def _blocking_blocks(header: Sequence[str], read: ReadBlock[T]) -> Iterator[bytes]:
    yield _first(header)
    block = read(None)
    while True:
        yield csv_text(block.rows).encode()
        if block.following is None:
            return
        block = read(block.following)


async def _blocks(header: Sequence[str], read: ReadBlock[T]) -> AsyncIterator[bytes]:
    """Under ASGI Django would read a blocking iterator whole into memory first."""
    yield _first(header)
    block = await in_thread(read, None)
    while True:
        yield csv_text(block.rows).encode()
        if block.following is None:
            return
        block = await in_thread(read, block.following)

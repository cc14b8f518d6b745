"""What every parser hands back: a flat list of blocks in reading order, each knowing its page and section."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What a block is in the source; splitting treats each kind differently."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    TABLE = "table"
    LIST = "list"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a document in reading order.

    ``page`` counts from 1: the page of a PDF, the sheet of a workbook, the slide of a deck; None where the
    format has no pages. ``section`` is the heading path in force, outermost first; a heading's own path ends
    with itself. A table has one line of ``text`` for each of its ``rows``, the header first; the lines look
    like ``| a | b |``, except that PDF tables keep tabs and CSV tables their own delimiter, so that a line
    can be found as it was written.
    """

    kind: BlockKind
    text: str
    page: int | None = None
    level: int | None = None
    section: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The readable content of one file.

    ``warnings`` are machine-readable: a code, then after a colon what it is about, for instance
    ``pages_without_text:3,5``.
    """

    title: str | None
    blocks: tuple[Block, ...]
    pages: int | None
    warnings: tuple[str, ...] = ()

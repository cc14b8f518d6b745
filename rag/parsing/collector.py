"""Collects blocks while a parser walks a file: keeps the heading path, counts the text, reports progress."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rag.parsing.cleaning import bounded, clean_text, one_line, tidy_lines
from rag.parsing.document import Block, BlockKind, ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.limits import ParseLimits

_MAX_LEVEL = 9
_TITLE_CHARS = 200
_ROWS_PER_BLOCK = 1000
_MAX_WARNINGS = 200


def ignore_progress(fraction: float) -> None:
    """Stand in where nobody listens."""


class BlockCollector:
    """Builds a ParsedDocument block by block and enforces the text and page limits as it grows."""

    def __init__(self, *, limits: ParseLimits, progress: Callable[[float], None] = ignore_progress) -> None:
        self.limits = limits
        self.progress = progress
        self.page: int | None = None
        self.blocks: list[Block] = []
        self.warnings: list[str] = []
        self._chars = 0
        self._path: list[tuple[int, str]] = []
        self._base: tuple[str, ...] = ()

    @property
    def section(self) -> tuple[str, ...]:
        """The heading path in force."""
        return self._base + tuple(title for _, title in self._path)

    def enter(self, *, base: tuple[str, ...]) -> None:
        """Start a new part, such as an attachment, under its own fixed outer path."""
        self._base = base
        self._path = []

    def heading(self, text: str, *, level: int, title: str | None = None) -> None:
        """Add a heading. ``title`` is its name in the path where ``text`` carries markup such as ``##``."""
        cleaned = one_line(clean_text(text))
        name = one_line(clean_text(title if title is not None else text))[:_TITLE_CHARS]
        if not cleaned:
            return
        depth = min(max(level, 1), _MAX_LEVEL)
        while self._path and self._path[-1][0] >= depth:
            self._path.pop()
        if name:
            self._path.append((depth, name))
        self._add(Block(BlockKind.HEADING, cleaned, self.page, depth, self.section))

    def paragraph(self, text: str) -> None:
        """Add running text; lines inside are kept."""
        self._text(BlockKind.PARAGRAPH, tidy_lines(clean_text(text)))

    def listing(self, text: str) -> None:
        """Add one list or list item."""
        self._text(BlockKind.LIST, tidy_lines(clean_text(text)))

    def code(self, text: str) -> None:
        """Add text whose spaces and empty lines matter."""
        self._text(BlockKind.CODE, clean_text(text).strip("\n"))

    def table(self, rows: Iterable[Sequence[str]], *, separator: str | None = None) -> None:
        """Add a table, the header first; a long one becomes several blocks.

        ``separator`` stands between cells in place of the pipes.
        """
        cleaned = [tuple(one_line(clean_text(cell)) for cell in row) for row in rows]
        cleaned = _without_empty([row for row in cleaned if any(row)])
        if not cleaned:
            return
        header, body = cleaned[0], cleaned[1:]
        for start in range(0, max(len(body), 1), _ROWS_PER_BLOCK):
            part = (header, *body[start : start + _ROWS_PER_BLOCK])
            lines = "\n".join(_line(row, separator=separator) for row in part)
            self._add(Block(BlockKind.TABLE, lines, self.page, None, self.section, part))

    def document(self, *, title: str | None, pages: int | None) -> ParsedDocument:
        """Close the collection."""
        name = one_line(clean_text(title or ""))[:_TITLE_CHARS]
        warnings = tuple(dict.fromkeys(map(bounded, self.warnings)))[:_MAX_WARNINGS]
        return ParsedDocument(name or None, tuple(self.blocks), pages, warnings)

    def check_pages(self, count: int) -> None:
        """Refuse a document of too many pages before reading them.

        Raises ParseError ``too_many_pages``.
        """
        if count > self.limits.max_pages:
            raise ParseError("too_many_pages", {"pages": count, "limit": self.limits.max_pages})

    def count(self, chars: int) -> None:
        """Count text that was read, wherever it is kept.

        Raises ParseError ``too_much_text``.
        """
        self._chars += chars
        if self._chars > self.limits.max_chars:
            raise ParseError("too_much_text", {"limit": self.limits.max_chars})

    def uncount(self, chars: int) -> None:
        """Take back what a parser counted that reads first and makes blocks, which are counted, afterwards."""
        self._chars -= chars

    def _text(self, kind: BlockKind, text: str) -> None:
        if text.strip():
            self._add(Block(kind, text, self.page, None, self.section))

    def _add(self, block: Block) -> None:
        self.count(len(block.text))
        self.blocks.append(block)


def _line(row: Sequence[str], *, separator: str | None) -> str:
    if separator is None:
        return "| " + " | ".join(row) + " |"
    return separator.join(row)


def _without_empty(rows: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Rows of one width, without columns that are empty from top to bottom."""
    width = max((len(row) for row in rows), default=0)
    used = [column for column in range(width) if any(len(row) > column and row[column] for row in rows)]
    return [tuple(row[column] if column < len(row) else "" for column in used) for row in rows]

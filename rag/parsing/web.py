"""HTML by BeautifulSoup on lxml.

What a reader sees, with headings, lists and tables; no scripts, no menus.
"""

from __future__ import annotations

import warnings
from typing import BinaryIO

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.element import CData, NavigableString, Tag
from bs4.exceptions import ParserRejectedMarkup

from rag.parsing.charset import decode_markup
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.reading import read_all

_MARKUP_FACTOR = 4
_DROPPED = (
    "script",
    "style",
    "noscript",
    "template",
    "svg",
    "nav",
    "iframe",
    "object",
    "head",
    "select",
    "math",
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "caption",
            "center",
            "dd",
            "details",
            "dialog",
        ),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html"),
        *("legend", "li", "main", "ol", "p", "section", "summary", "ul"),
        *("tbody", "td", "tfoot", "th", "thead", "tr", "table"),
    ]
)
_MAX_DEPTH = 200


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read an HTML page of any encoding."""
    decoded = decode_markup(read_all(stream=stream, collector=collector, markup=_MARKUP_FACTOR))
    if decoded.damaged:
        collector.warnings.append(f"text_replaced:{decoded.encoding}")
    title = add_html(decoded.text, collector)
    return collector.document(title=title, pages=None)


def add_html(markup: str, collector: BlockCollector) -> str | None:
    """Add a page to a document under way; its title comes back.

    Raises ParseError ``corrupt_file`` for what no parser takes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)  # XHTML is welcome here
            soup = BeautifulSoup(markup.replace("\x00", ""), "lxml")
    except (ParserRejectedMarkup, ValueError, AssertionError) as error:
        raise ParseError("corrupt_file", {"detail": type(error).__name__}) from error
    title = soup.title.get_text() if soup.title else None
    for tag in soup(_DROPPED):
        tag.decompose()
    walker = _Walker(collector)
    walker.walk(soup, 0)
    walker.flush()
    return title


class _Walker:
    """Gathers inline text and lets it go as a paragraph at every block boundary."""

    def __init__(self, collector: BlockCollector) -> None:
        self._collector = collector
        self._inline: list[str] = []

    def flush(self) -> None:
        """End the paragraph under way."""
        text = "\n".join(" ".join(line.split()) for line in "".join(self._inline).split("\x01"))
        self._inline = []
        self._collector.paragraph(text)

    def walk(self, node: Tag, depth: int) -> None:
        """Everything inside a node, in order."""
        for child in node.children:
            if isinstance(child, Tag):
                self._tag(child, depth)
            elif type(child) in (NavigableString, CData):
                self._inline.append(str(child))

    def _tag(self, tag: Tag, depth: int) -> None:
        if depth > _MAX_DEPTH:
            self._inline.append(tag.get_text(" "))
        elif tag.name in _HEADINGS:
            self.flush()
            self._collector.heading(tag.get_text(" "), level=_HEADINGS[tag.name])
        elif tag.name == "pre":
            self.flush()
            self._collector.code(tag.get_text())
        elif tag.name in ("ul", "ol"):
            self._list(tag, depth)
        elif tag.name == "table":
            self._table(tag, depth)
        elif tag.name == "br":
            self._inline.append("\x01")
        elif tag.name in _BLOCKS:
            self.flush()
            self.walk(tag, depth + 1)
            self.flush()
        else:
            self.walk(tag, depth + 1)

    def _list(self, tag: Tag, depth: int) -> None:
        self.flush()
        if tag.find(["table", "pre", *_HEADINGS]):
            self.walk(tag, depth + 1)
            self.flush()
            return
        lines = []
        for number, item in enumerate(tag.find_all("li"), start=1):
            own = " ".join(_own_text(item).split())
            if own:
                lines.append(f"{number}. {own}" if tag.name == "ol" else f"- {own}")
        loose = "" if lines else tag.get_text(" ")
        self._collector.listing("\n".join(lines) or loose)

    def _table(self, tag: Tag, depth: int) -> None:
        self.flush()
        rows = [row for row in _rows(tag) if any(cell.strip() for cell in row)]
        nested = tag.find("table") is not None
        if nested or max((sum(1 for cell in row if cell.strip()) for row in rows), default=0) < 2:
            self.walk(tag, depth + 1)  # a table used for layout: its cells are the page
            self.flush()
            return
        caption = tag.find("caption")
        if isinstance(caption, Tag):
            self._collector.paragraph(caption.get_text(" "))
        self._collector.table(rows)


def _own_text(item: Tag) -> str:
    """The text of a list item without that of the lists inside it, which have their own items."""
    parts = []
    for node in item.descendants:
        if type(node) is NavigableString and node.find_parent("li") is item:
            parts.append(str(node))
    return " ".join(parts)


def _rows(table: Tag) -> list[list[str]]:
    """Cells by row; a cell that spans rows is repeated in each, one that spans columns stands once."""
    rows: list[list[str]] = []
    above: dict[int, tuple[int, str]] = {}
    for row in table.find_all("tr"):
        cells, above = _cells(row, above)
        rows.append(cells)
    return rows


def _cells(row: Tag, above: dict[int, tuple[int, str]]) -> tuple[list[str], dict[int, tuple[int, str]]]:
    """The cells of a row, and by column what hangs down from it: for how many rows more, and the text."""
    cells: list[str] = []
    below: dict[int, tuple[int, str]] = {}

    def hang() -> None:
        while len(cells) in above:
            left, text = above[len(cells)]
            if left > 1:
                below[len(cells)] = (left - 1, text)
            cells.append(text)

    for cell in row.find_all(["td", "th"], recursive=False):
        hang()
        text, down = cell.get_text(" "), _span(cell, "rowspan")
        for column in range(_span(cell, "colspan")):
            value = text if column == 0 else ""
            if down > 1:
                below[len(cells)] = (down - 1, value)
            cells.append(value)
    hang()
    return cells, below


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name) or "1")
    return min(max(int(value), 1), 100) if value.isdecimal() else 1

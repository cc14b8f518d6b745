"""Lines of a PDF page and how they become paragraphs."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass

from rag.parsing.collector import BlockCollector

_SENTENCE_END = ("。", "！", "？", "；", "：", ".", "!", "?", ":", "”", "」")
_NEW_ITEM = re.compile(
    r"(?:[•●○■□▪◆◇·–—*-]\s|[（(]?[0-9一二三四五六七八九十]{1,3}[)）、.．]\s?\S|第[0-9一二三四五六七八九十百零]+[条款])"
)
_HAN = re.compile("[\u2e80-\u9fff]")
_SPACED = re.compile(r"(?<=[\u2e80-\u9fff…（）《》])[ \u3000](?=[\u2e80-\u9fff…（）《》])")
_DIGITS = re.compile(r"\d+")
_MIN_PAGES = 3
# A line this much shorter than the widest recent one ended its paragraph.
_FULL_SHARE = 0.8
_SHORT_SHARE = 0.5
_COLUMN_LINES = 8
_MAX_PARAGRAPH = 4000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text, the size of its type in points, and whether it ends in a break hyphen."""

    text: str
    size: float
    hyphen: bool = False

    @property
    def key(self) -> str:
        """The line with its numbers masked: page heads and feet differ only in them."""
        return _DIGITS.sub("#", "".join(self.text.split()))


def running_lines(pages: list[list[Line]]) -> frozenset[str]:
    """Keys of the outer lines that return on more than half of the pages: heads, feet, page numbers."""
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({line.key for line in (*lines[:2], *lines[-2:])})
    least = max(_MIN_PAGES, len(pages) // 2 + 1)
    return frozenset(key for key, count in edges.items() if count >= least)


class Paragraphs:
    """Joins lines to paragraphs, across pages too; a paragraph belongs to the page on which it begins."""

    def __init__(self, collector: BlockCollector) -> None:
        self._collector = collector
        self._text = ""
        self._page = 0
        self._last: Line | None = None
        # Widths of the lines just read in this size: the middle one tells how wide the column is.
        self._widths: deque[float] = deque(maxlen=_COLUMN_LINES)

    def add(self, line: Line, *, page: int) -> None:
        """Take the next line."""
        if self._last is None or self._breaks(line):
            self.flush()
            self._page, self._text = page, line.text
        else:
            self._text = _join(self._text, line.text, hyphen=self._last.hyphen)
        if self._last is None or self._last.size != line.size:
            self._widths.clear()
        self._widths.append(printed_width(line.text))
        self._last = line

    def flush(self) -> None:
        """End the paragraph under way."""
        if self._text:
            self._collector.page = self._page
            self._collector.paragraph(self._text)
        self._text, self._last = "", None

    def _breaks(self, line: Line) -> bool:
        last = self._last
        if (
            last is None
            or len(self._text) > _MAX_PARAGRAPH
            or abs(last.size - line.size) > 0.15 * max(last.size, 1)
        ):
            return True
        if _NEW_ITEM.match(line.text):
            return True
        widths = sorted([*self._widths, printed_width(line.text)])
        share = printed_width(last.text) / max(widths[len(widths) // 2], 1.0)
        return share < _SHORT_SHARE or (share < _FULL_SHARE and last.text.endswith(_SENTENCE_END))


def unspaced(text: str) -> str:
    """Text without the spaces that justified setting left between every two Han characters."""
    spaced = len(_SPACED.findall(text))
    return _SPACED.sub("", text) if spaced * 2 > len(_HAN.findall(text)) else text


def printed_width(text: str) -> float:
    """Width of a line in Han characters."""
    return sum(1.0 if char > "\u2e7f" else 0.5 for char in text)


def _join(text: str, following: str, *, hyphen: bool) -> str:
    if hyphen or not text or not following:
        return text + following
    wide = text[-1] > "\u2e7f" and following[0] > "\u2e7f"
    return text + ("" if wide else " ") + following

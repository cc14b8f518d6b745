"""Guesses which lines of plain text are headings: Chinese and decimal numbering, as in laws and manuals."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMERAL = "[0-9０-９一二三四五六七八九十百千零〇两]+"
_SENTENCE_END = tuple("。；，、：,;:.!?！？…")
_MAX_CHARS = 48

# Ranks only order the kinds; compress_levels turns those that occur in a document into levels 1, 2, 3 …
_PATTERNS = (
    (10, re.compile(rf"第{_NUMERAL}[编篇]|第{_NUMERAL}部分|(?:Part|PART)\s+(?:[IVX]+|\d+)\b")),
    (
        20,
        re.compile(
            rf"第{_NUMERAL}章|(?:Chapter|CHAPTER)\s+(?:[IVX]+|\d+)\b|附\s?[录件]\s?[A-Z0-9一二三四五六七八九十]"
        ),
    ),
    (30, re.compile(rf"第{_NUMERAL}节|(?:Section|SECTION|Article|ARTICLE)\s+(?:[IVX]+|\d+)\b")),
    (40, re.compile(r"[一二三四五六七八九十]{1,3}、\s*\S")),
    (50, re.compile(r"[（(][一二三四五六七八九十]{1,3}[）)]\s*\S")),
)
_DECIMAL = re.compile(r"(\d{1,2}(?:\.\d{1,2}){1,4})[.、]?\s*(?=[^\d\s.,%％:：/～~-])")
_UNIT = re.compile(r"(?:%|％|[a-zA-Z]{1,3}\b|[万亿元倍年月日个度米吨℃])")


def heading_rank(line: str) -> int | None:
    """The rank of a heading line, the smaller the higher, or None for running text."""
    if not 2 <= len(line) <= _MAX_CHARS or line.endswith(_SENTENCE_END):
        return None
    for rank, pattern in _PATTERNS:
        if pattern.match(line):
            return rank
    match = _DECIMAL.match(line)
    if match and not _UNIT.match(line[match.end() :]):
        return 60 + match.group(1).count(".")
    return None


def compress_levels(ranks: Iterable[int]) -> dict[int, int]:
    """Level 1, 2, 3 … for each rank that occurs."""
    return {rank: level for level, rank in enumerate(sorted(set(ranks)), start=1)}

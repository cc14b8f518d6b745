"""Markdown, line by line: headings, tables, fenced code and lists are told apart, their marks are kept."""

from __future__ import annotations

import re
from typing import BinaryIO

from rag.parsing.charset import decode
from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.reading import read_all

_ATX = re.compile(r"^ {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+\S")
_RULE = re.compile(r"^ {0,3}(?:[-*_][ \t]*){3,}$")
_TABLE_RULE = re.compile(r"^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_PIPE = re.compile(r"(?<!\\)\|")
_MARKS = re.compile(r"[*_`]+|!?\[([^\]]*)\]\([^)]*\)")


def parse(*, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument:
    """Read a Markdown text of any encoding."""
    decoded = decode(read_all(stream=stream, collector=collector))
    if decoded.damaged:
        collector.warnings.append(f"text_replaced:{decoded.encoding}")
    _Reader(decoded.text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), collector).run()
    title = next(
        (block.section[-1] for block in collector.blocks if block.level == 1 and block.section), None
    )
    return collector.document(title=title, pages=None)


class _Reader:
    def __init__(self, lines: list[str], collector: BlockCollector) -> None:
        self._lines = lines
        self._collector = collector
        self._paragraph: list[str] = []
        self._at = 0

    def run(self) -> None:
        while self._at < len(self._lines):
            before = self._at
            if not (self._fence() or self._heading() or self._table() or self._list()):
                self._text()
            self._at = max(self._at, before + 1)
            self._collector.progress(self._at / len(self._lines))
        self._flush()

    def _flush(self) -> None:
        self._collector.paragraph("\n".join(self._paragraph))
        self._paragraph = []

    def _fence(self) -> bool:
        opening = _FENCE.match(self._lines[self._at])
        if not opening:
            return False
        self._flush()
        end = self._at + 1
        while end < len(self._lines) and not self._lines[end].lstrip().startswith(opening.group(1)):
            end += 1
        self._collector.code("\n".join(self._lines[self._at : end + 1]))
        self._at = end + 1
        return True

    def _heading(self) -> bool:
        line = self._lines[self._at]
        match = _ATX.match(line)
        if match:
            self._flush()
            self._collector.heading(line, level=len(match.group(1)), title=_plain(match.group(2) or ""))
            return True
        following = _SETEXT.match(self._lines[self._at + 1]) if self._at + 1 < len(self._lines) else None
        if following and line.strip() and not self._paragraph and not _ITEM.match(line) and "|" not in line:
            self._collector.heading(line, level=1 if following.group(1)[0] == "=" else 2, title=_plain(line))
            self._at += 2
            return True
        return False

    def _table(self) -> bool:
        start = self._at
        if start + 1 >= len(self._lines) or "|" not in self._lines[start]:
            return False
        if not _TABLE_RULE.match(self._lines[start + 1]) or "-" not in self._lines[start + 1]:
            return False
        self._flush()
        end = start + 2
        while end < len(self._lines) and "|" in self._lines[end]:
            end += 1
        self._collector.table([_cells(line) for line in (self._lines[start], *self._lines[start + 2 : end])])
        self._at = end
        return True

    def _list(self) -> bool:
        if not _ITEM.match(self._lines[self._at]) or _RULE.match(self._lines[self._at]):
            return False
        self._flush()
        end = self._at + 1
        while end < len(self._lines) and self._continues(self._lines[end]):
            end += 1
        self._collector.listing("\n".join(self._lines[self._at : end]))
        self._at = end
        return True

    def _continues(self, line: str) -> bool:
        return bool(_ITEM.match(line)) or (
            line.startswith((" ", "\t")) and bool(line.strip()) and not _FENCE.match(line)
        )

    def _text(self) -> None:
        line = self._lines[self._at]
        if line.strip() and not _RULE.match(line):
            self._paragraph.append(line)
        else:
            self._flush()


def _cells(line: str) -> list[str]:
    inner = line.strip()
    inner = inner[1:] if inner.startswith("|") else inner
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in _PIPE.split(inner)]


def _plain(text: str) -> str:
    return _MARKS.sub(lambda match: match.group(1) or "", text)

"""Where a passage stands on a page of a PDF.

A passage is cleaned, joined over lines and cut at its ends, so it is looked for sentence by sentence, without regard to
spaces, line ends and hyphens. Of a sentence that runs on from the page before, or on to the next, the longest part is taken.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from difflib import SequenceMatcher

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from rag.parsing.cleaning import clean_text

_PARTS = re.compile(r"[\n。！？!?；;]|\.\s")
_IGNORED = re.compile(r"[\s|\x02\u2010\xad-]+")
_LEAST_PART = 4
# Fewer characters than this may stand anywhere by chance.
_LEAST_FOUND = 8
_MOST_CHARACTERS = 20_000
# Looking for a part of a sentence costs the product of both lengths.
_LONGEST_PART = 300
_MOST_GUESSES = 3
_MOST_BOXES = 400


@dataclass(frozen=True, slots=True)
class Box:
    """In the page's own units, which count from the bottom left."""

    left: float
    bottom: float
    right: float
    top: float


def find_text(*, sheet: pdfium.PdfPage, text: str) -> list[Box]:
    """A box for each line of what is found; none where too little of the text stands on this page."""
    textpage = sheet.get_textpage()
    try:
        return [box for start, end in _ranges(textpage, text) for box in _boxes(textpage, start, end)][
            :_MOST_BOXES
        ]
    finally:
        textpage.close()


def _ranges(textpage: pdfium.PdfTextPage, text: str) -> list[tuple[int, int]]:
    """Ranges of the page's characters, `end` included."""
    printed, places = _printed(textpage)
    whole = _plain(text)
    at = printed.find(whole) if whole else -1
    found = [(at, len(whole))] if at >= 0 else _parts_found(printed, text)
    return [(places[at], places[at + length - 1]) for at, length in found]


def _parts_found(printed: str, text: str) -> list[tuple[int, int]]:
    """Beginnings and lengths, in reading order."""
    found: list[tuple[int, int]] = []
    cursor, guesses = 0, _MOST_GUESSES
    for part in map(_plain, _PARTS.split(text)):
        if len(part) < _LEAST_PART:
            continue
        at, length = printed.find(part, cursor), len(part)
        if at < 0 and guesses:
            guesses -= 1
            at, length = _longest(printed, part)
        if at >= 0:
            found.append((at, length))
            cursor = at + length
    return found if sum(length for _, length in found) >= _LEAST_FOUND else []


def _longest(printed: str, part: str) -> tuple[int, int]:
    """The longest piece of the part that is printed; (-1, 0) if that may be chance."""
    matcher = SequenceMatcher(None, part[:_LONGEST_PART], printed, autojunk=False)
    match = matcher.find_longest_match()
    is_chance = match.size < _LEAST_FOUND or match.size * 4 < min(len(part), _LONGEST_PART)
    return (-1, 0) if is_chance else (match.b, match.size)


def _printed(textpage: pdfium.PdfTextPage) -> tuple[str, list[int]]:
    """What is compared, and of each of its characters the place on the page."""
    printed: list[str] = []
    places: list[int] = []
    for index in range(min(textpage.count_chars(), _MOST_CHARACTERS)):
        code = raw.FPDFText_GetUnicode(textpage, index)
        for char in _plain(chr(code)) if 0 < code < 0x110000 else "":
            printed.append(char)
            places.append(index)
    return "".join(printed), places


def _plain(text: str) -> str:
    return _IGNORED.sub("", clean_text(text))


def _boxes(textpage: pdfium.PdfTextPage, start: int, end: int) -> list[Box]:
    boxes = []
    for index in range(raw.FPDFText_CountRects(textpage, start, end - start + 1)):
        sides = [ctypes.c_double() for _ in range(4)]
        left, top, right, bottom = sides
        if raw.FPDFText_GetRect(textpage, index, left, top, right, bottom):
            boxes.append(Box(left.value, bottom.value, right.value, top.value))
    return boxes

"""Automatic numbers of a DOCX (第三条, 1.2, (a)): Word stores the rule, not the number, and readers cite the
number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docx.oxml.ns import qn

_VAL = qn("w:val")
_DIGITS = "〇一二三四五六七八九"
_UNITS = ((1000, "千"), (100, "百"), (10, "十"))
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_ROMAN_LOW = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))
_PLACEHOLDER = re.compile(r"%([1-9])")
_MAX_NUMBER = 9999


@dataclass(frozen=True, slots=True)
class Label:
    """The number in front of a paragraph, empty for none, and whether the paragraph is a list item."""

    text: str = ""
    is_list: bool = False

    def before(self, text: str) -> str:
        """The paragraph as printed."""
        return f"{self.text} {text}" if self.text else text


@dataclass(frozen=True, slots=True)
class _Level:
    format: str
    text: str
    start: int


class Numbering:
    """Counts numbered paragraphs in document order."""

    def __init__(self, document: Any) -> None:
        self._levels: dict[str, dict[int, _Level]] = {}
        self._abstract: dict[str, str] = {}
        self._counts: dict[str, dict[int, int]] = {}
        self._styles: dict[str, tuple[str, int]] = {}
        self._read_styles(document)
        part = next((r for r in document.part.rels.values() if r.reltype.endswith("/numbering")), None)
        if part is not None and not part.is_external:
            self._read(getattr(part.target_part, "element", None))

    def label(self, paragraph: Any, style: str | None) -> Label:
        """The label of the next paragraph; to be asked once for each, in order."""
        number = _number_of(paragraph) or self._styles.get(style or "")
        if number is None or number[0] == "0":
            return Label()
        abstract = self._abstract.get(number[0])
        levels = self._levels.get(abstract or "")
        if abstract is None or not levels or number[1] not in levels:
            return Label(is_list=True)
        level = levels[number[1]]
        counts = self._advance(abstract, number[1], levels)
        if level.format == "bullet":
            return Label("-", is_list=True)
        text = _PLACEHOLDER.sub(lambda m: _printed(int(m.group(1)) - 1, counts, levels), level.text)
        return Label(text.strip(), is_list=True)

    def _advance(self, abstract: str, depth: int, levels: dict[int, _Level]) -> dict[int, int]:
        counts = self._counts.setdefault(abstract, {})
        counts[depth] = counts.get(depth, levels[depth].start - 1) + 1
        for deeper in [key for key in counts if key > depth]:
            del counts[deeper]
        return counts

    def _read(self, root: Any) -> None:
        if root is None:
            return
        for abstract in root.iter(qn("w:abstractNum")):
            levels = {_int(level.get(qn("w:ilvl")), 0): _level(level) for level in abstract.iter(qn("w:lvl"))}
            self._levels[abstract.get(qn("w:abstractNumId")) or ""] = levels
        for number in root.iter(qn("w:num")):
            target = number.find(qn("w:abstractNumId"))
            if target is not None:
                self._abstract[number.get(qn("w:numId")) or ""] = target.get(_VAL) or ""

    def _read_styles(self, document: Any) -> None:
        for style in document.styles.element.iter(qn("w:style")):
            number = _number_of(style)
            if number:
                self._styles[style.get(qn("w:styleId")) or ""] = number


def _number_of(element: Any) -> tuple[str, int] | None:
    properties = element.find(f"./{qn('w:pPr')}/{qn('w:numPr')}")
    if properties is None:
        return None
    identity, level = properties.find(qn("w:numId")), properties.find(qn("w:ilvl"))
    if identity is None:
        return None
    return identity.get(_VAL) or "0", _int(None if level is None else level.get(_VAL), 0)


def _level(element: Any) -> _Level:
    def value(name: str, default: str) -> str:
        child = element.find(qn(name))
        return default if child is None else child.get(_VAL) or default

    return _Level(value("w:numFmt", "decimal"), value("w:lvlText", ""), _int(value("w:start", "1"), 1))


def _printed(depth: int, counts: dict[int, int], levels: dict[int, _Level]) -> str:
    level = levels.get(depth)
    if level is None:
        return ""
    number = min(max(counts.get(depth, level.start), 0), _MAX_NUMBER)
    return _FORMATS.get(level.format, str)(number)


def chinese_number(number: int) -> str:
    """1–9999 as 一 … 九千九百九十九."""
    if number < 10:
        return _DIGITS[number]
    text, rest, gap = "", number, False
    for unit, name in _UNITS:
        digit, rest = divmod(rest, unit)
        if digit:
            text += ("〇" if gap else "") + _DIGITS[digit] + name
            gap = False
        elif text:
            gap = True
    if rest:
        text += ("〇" if gap else "") + _DIGITS[rest]
    return text.removeprefix("一") if 10 <= number < 20 else text.replace("〇", "零")


def _roman(number: int) -> str:
    text = ""
    for value, letters in (*_ROMAN, *_ROMAN_LOW):
        while number >= value:
            text, number = text + letters, number - value
    return text


def _letters(number: int) -> str:
    return chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1) if number > 0 else ""


def _int(text: str | None, default: int) -> int:
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default


_FORMATS: dict[str, Callable[[int], str]] = {
    "chineseCounting": chinese_number,
    "chineseCountingThousand": chinese_number,
    "ideographDigital": chinese_number,
    "japaneseCounting": chinese_number,
    "taiwaneseCountingThousand": chinese_number,
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "decimalZero": lambda number: f"{number:02d}",
    "none": lambda number: "",
    "decimalEnclosedCircle": lambda number: chr(0x2460 + number - 1) if 1 <= number <= 20 else str(number),
    "decimalEnclosedCircleChinese": lambda number: (
        chr(0x2460 + number - 1) if 1 <= number <= 20 else str(number)
    ),
}

"""Numbers as values, so that 5万 and 50,000, 百分之七十 and 70% compare equal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_SCALES = {
    "十": 10,
    "百": 100,
    "千": 1000,
    "万": 10_000,
    "亿": 100_000_000,
    "thousand": 1000,
    "million": 1_000_000,
}
_SCALES["billion"] = 1_000_000_000
_ARABIC = re.compile(
    r"(?<![A-Za-z0-9_.])(?<![A-Za-z]-)(\d[\d,]*(?:\.\d+)?)\s*(亿|千万|百万|万|千|百|thousand\b|million\b|billion\b)?"
)
# What a number counts: 万元 and 元 are one unit, the scale is part of the number.
_UNIT = re.compile(r"\s*(个?[㐀-鿿]|[A-Za-z]+|[%‰℃])")
_DIGITS: dict[str, Decimal] = {
    **{character: Decimal(value) for value, character in enumerate("零一二三四五六七八九")},
    "〇": Decimal(0),
    "两": Decimal(2),
}
_CHINESE = re.compile(r"[零〇一二两三四五六七八九十百千万亿]+(?:点[零〇一二三四五六七八九]+)?")
_ONES = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ENGLISH = dict(
    [(word, Decimal(value)) for value, word in enumerate(_ONES.split(), start=1)]
    + [(word, Decimal(10 * value)) for value, word in enumerate(_TENS.split(), start=2)]
)
_WORD = re.compile("[a-z]+")
_ENUMERATOR = re.compile(r"(?m)^\s*(?:[-*#>]+\s*)?[(（]?\d{1,2}(?:[.)）、]|\.\s)(?!\d)")
# A written-out number that an answer must account for: shorter ones are words as often as numbers (一般, 万一, 十分).
_CERTAIN = re.compile(
    r"(?:百分之[零一二两三四五六七八九十百点]+|[二两三四五六七八九]?十[一二三四五六七八九]|[二三四五六七八九]十|[一二两三四五六七八九][百千万亿][零一二三四五六七八九十百千万]*)"
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """``values`` are whole (5万 is 50000), ``bare`` those written without a scale, as in a table whose head says 万元."""

    values: frozenset[Decimal]
    bare: frozenset[Decimal]

    def __or__(self, other: Numbers) -> Numbers:
        return Numbers(values=self.values | other.values, bare=self.bare | other.bare)


def numbers_in(text: str) -> Numbers:
    """Every number that the text may mean, written in either way."""
    values, bare = set(), set()
    for match in _ARABIC.finditer(text):
        digits, scale = _decimal(match.group(1)), match.group(2)
        if scale:
            values.add(digits * _scale(scale))
        else:
            values.add(digits)
            bare.add(digits)
    for match in _CHINESE.finditer(text):
        values.add(chinese_value(match.group()))
    values.update(_ENGLISH[word] for word in _WORD.findall(text.lower()) if word in _ENGLISH)
    return Numbers(values=frozenset(values), bare=frozenset(bare))


def stated_numbers(text: str) -> list[tuple[Decimal, Decimal]]:
    """What a sentence states for certain, as (value, value without its scale). Numbers of list items are left out."""
    without = _ENUMERATOR.sub(" ", text)
    stated = []
    for match in _ARABIC.finditer(without):
        digits, scale = _decimal(match.group(1)), match.group(2)
        stated.append((digits * _scale(scale) if scale else digits, digits))
    for match in _CERTAIN.finditer(without):
        if match.start() and without[match.start() - 1].isdigit():
            continue  # the scale of 5百万 was read above
        value = chinese_value(match.group().removeprefix("百分之"))
        stated.append((value, value))
    return stated


def counted(text: str) -> list[tuple[Decimal, str]]:
    """Numbers in digits with their units, those without one left out."""
    found = []
    for match in _ARABIC.finditer(_ENUMERATOR.sub(" ", text)):
        digits, scale = _decimal(match.group(1)), match.group(2)
        if unit := _UNIT.match(match.string, match.end()):
            found.append((digits * _scale(scale) if scale else digits, unit.group(1).lower()))
    return found


def missing_numbers(sentence: str, *, among: Numbers) -> list[Decimal]:
    """The numbers that the sentence states and ``among`` does not hold."""
    return [
        value
        for value, bare in stated_numbers(sentence)
        if value not in among.values and bare not in among.bare
    ]


def chinese_value(digits: str) -> Decimal:
    """三十五 → 35, 二〇二五 → 2025, 一百万 → 1000000, 三点五 → 3.5."""
    whole, _, fraction = digits.partition("点")
    value = _whole(whole)
    for place, character in enumerate(fraction, start=1):
        value += _DIGITS[character].scaleb(-place)
    return value


def _whole(digits: str) -> Decimal:
    if not any(character in _SCALES for character in digits):
        return Decimal("".join(str(_DIGITS[character]) for character in digits) or "0")
    total = section = digit = Decimal(0)
    for character in digits:
        scale = _SCALES.get(character)
        if scale is None:
            digit = _DIGITS[character]
        elif scale == _SCALES["亿"]:
            total = (total + section + digit or Decimal(1)) * scale
            section = digit = Decimal(0)
        elif scale == _SCALES["万"]:
            total += (section + digit or Decimal(1)) * scale
            section = digit = Decimal(0)
        else:
            section += (digit or Decimal(1)) * scale
            digit = Decimal(0)
    return total + section + digit


def _scale(words: str) -> int:
    if words in _SCALES:
        return _SCALES[words]
    product = 1
    for character in words:
        product *= _SCALES[character]
    return product


def _decimal(digits: str) -> Decimal:
    return Decimal(digits.replace(",", "")).normalize()

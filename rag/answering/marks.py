"""Marks of citations as models write them: [1] 【1】 [1,2] [1-3] [资料1] （资料1） [^1] 资料1."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = r"(?:参考)?(?:资料|来源|文档|文献|引用|段落)|citation|passages?|sources?|documents?|docs?|refs?"
# What small models write before a mark and nobody needs to read: 资料编号[1], 来源：[2].
_LEAD = r"(?:[，,、]?\s*(?:资料编号|资料序号|编号|参考资料|资料来源|来源|出处)\s*(?:为|是)?\s*[:：]?\s*)?"
_NUMBERS = r"\d{1,2}(?:\s*(?:[,，、;；&和]|[-–—~～至到])\s*(?:(?:资料|passage|source)\s*)?\d{1,2})*"
# Round brackets hold many other things than citations: there the label is needed. A year, 〔2024〕5号, has four digits.
_MARK = re.compile(
    rf"{_LEAD}[\[【［]\s*\^?\s*(?:{_LABEL})?\s*[第#№:：]?\s*(?P<square>{_NUMBERS})\s*(?:†[^\]】］]{{0,40}})?[\]】］]"
    rf"|[(（]\s*(?:见|参见|see\s+)?(?:{_LABEL})\s*[第#№:：]?\s*(?P<round>{_NUMBERS})\s*[)）]"
    rf"|资料\s?(?P<bare>\d{{1,2}})(?![\d.%％])(?!\s*[份条个项种页张年月日元万])",
    re.IGNORECASE,
)
_OPENING = re.compile(
    rf"{_LEAD}[\[【［(（][^\]】］)）\n]{{0,48}}$|资料?\s?\d{{0,2}}$"
    r"|[，,、]?\s*(?:资|资料|资料编|资料序|资料来|编|参|参考|参考资|来|出"
    r"|(?:资料编号|资料序号|编号|参考资料|资料来源|来源|出处)\s*(?:为|是)?\s*[:：]?\s*)$|[，,、]\s*$"
)
_SEPARATED = re.compile(r"\d{1,2}|[-–—~～至到]")
_WIDEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """Marks that stand together, with the place they take in the text. ``numbers`` in the order written, each once."""

    start: int
    end: int
    numbers: tuple[int, ...]


def mark_groups(text: str) -> list[MarkGroup]:
    """Every group of adjacent marks. Text in back quotes is code, and `a[1]` there no citation."""
    groups: list[MarkGroup] = []
    for match in _MARK.finditer(text):
        if text.count("`", 0, match.start()) % 2:
            continue
        numbers = _numbers(match.group("square") or match.group("round") or match.group("bare"))
        if groups and not text[groups[-1].end : match.start()].strip(" ,，、"):
            last = groups.pop()
            numbers = tuple(dict.fromkeys(last.numbers + numbers))
            groups.append(MarkGroup(start=last.start, end=match.end(), numbers=numbers))
        else:
            groups.append(MarkGroup(start=match.start(), end=match.end(), numbers=numbers))
    return groups


def possible_mark_at(text: str) -> int:
    """Where a mark begins that is there already, or may be when the text goes on; the length of the text if nowhere."""
    found = [group.start for group in mark_groups(text)[:1]]
    if opening := _OPENING.search(text):
        found.append(opening.start())
    return min(found, default=len(text))


def marks_end(text: str, *, start: int) -> tuple[int, bool]:
    """Where the marks end that follow ``start`` on the same line, and whether the text may go on with another one."""
    end = start
    while match := _MARK.match(text, _skip_blanks(text, end)):
        end = match.end()
    rest = text[_skip_blanks(text, end) :]
    return end, not rest or bool(_OPENING.fullmatch(rest))


def without_marks(text: str) -> str:
    """The text as it reads without its citations."""
    return _MARK.sub("", text)


def _skip_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \u3000":
        at += 1
    return at


def _numbers(written: str) -> tuple[int, ...]:
    found: list[int] = []
    through = False
    for token in _SEPARATED.findall(written):
        if not token.isdigit():
            through = True
            continue
        number = int(token)
        if through and found and 0 < number - found[-1] <= _WIDEST_RANGE:
            found += range(found[-1] + 1, number)
        found.append(number)
        through = False
    return tuple(dict.fromkeys(found))

"""Marks of citations as models write them: [1] 【1】 [1,2] [1-3] [资料1] （资料1） [^1] 资料1."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_LABEL = r"(?:参考)?(?:资料|来源|文档|文献|引用|段落)|citation|passages?|sources?|documents?|docs?|refs?"
# What small models write before a mark and nobody needs to read: 资料编号[1], 来源：[2].
_LEAD = r"(?:[，,、]? *(?:资料编号|资料序号|编号|参考资料|资料来源|来源|出处) *(?:为|是)? *[:：]? *)?"
_NUMBERS = r"\d{1,2}(?:\s*(?:[,，、;；&和]|[-–—~～至到])\s*(?:(?:资料|passage|source)\s*)?\d{1,2})*"
# Round brackets hold many other things than citations: there the label is needed. A year, 〔2024〕5号, has four digits.
# Without any brackets 资料1 is one only before what speaks of a source: "资料2套" is what somebody hands in.
_MARK = re.compile(
    rf"{_LEAD}[\[【［]\s*\^?\s*(?:{_LABEL})?\s*[第#№:：]?\s*(?P<square>{_NUMBERS})\s*(?:†[^\]】］]{{0,40}})?[\]】］]"
    rf"|[(（]\s*(?:见|参见|see\s+)?(?:{_LABEL})\s*[第#№:：]?\s*(?P<round>{_NUMBERS})\s*[)）]"
    r"|资料\s?(?P<bare>\d{1,2})(?=\s*(?:[，,。；;、：:！!？?）)\]】|\[【（(]|$|[中里可显规指表说所的和与及]))",
    re.IGNORECASE,
)
# What may turn out to belong to a mark that follows: a comma that it leaves without a clause, a copula.
_BEFORE = r"(?:[，,、:：是为]\s*)?"
_OPENING = re.compile(
    rf"{_BEFORE}(?:{_LEAD}[\[【［(（][^\]】］)）\n]{{0,48}}$|资料?\s?\d{{0,2}}\s*$"
    r"|(?:资|资料|资料编|资料序|资料来|编|参|参考|参考资|来|出"
    r"|(?:资料编号|资料序号|编号|参考资料|资料来源|来源|出处)\s*(?:为|是)?\s*[:：]?\s*)$)|[，,、:：是为]\s*$"
)
# What a small model means by "最长运行[1]小时": a figure that it put into the brackets of a mark.
_UNIT = re.compile(
    r"\s?(?:小时|分钟|秒|周|倍|元|万|亿|%|％|‰|℃|天(?![然气])|日(?![常期前后])|个(?![人体别])|人(?![员民行力工])"
    r"|年(?![度报检末初])|次(?![日级要])|[kM]?(?:V|W|A|Pa)\b|[kcm]?m\b|kg\b|(?:hour|minute|day|week|month|year)s?\b)"
)
# What a citation stands behind, and a figure does not: "根据[1]年度计划", "《办法》[1]个税起征点", the beginning.
_CITING = re.compile(
    r"(?:资料|文档|文献|来源|根据|依据|按照|依照|参照|见|据)$|[^㐀-鿿A-Za-z\s]$|(?<![A-Za-z])\s+$|^$"
)
_WORD = re.compile(r"\s?\w")
_PRECEDING = re.compile(r"[，,、:：是为]\s*$")
_COPULA = re.compile(r"(?<![的就也即还但于作成认因])[是为]\s*$|(?<=[㐀-鿿])[：:]\s*$")
_BEGINNING = re.compile(r"\s*(?:[-*+>]\s+|\d{1,2}[.、)）]\s*)?")
_COMMAS = "，,、"
_STOPS = ' \u3000\n，,、。；;！!？?.…”"*'
_CLAUSE_END = re.compile(r"[，,；;。！？!?\n]|\.(?=\s|$)|$")
_SEPARATED = re.compile(r"\d{1,2}|[-–—~～至到]")
_WIDEST_RANGE = 20


@dataclass(frozen=True, slots=True)
class MarkGroup:
    """Marks that stand together, with the place they take in the text. ``numbers`` in the order written, each once."""

    start: int
    end: int
    numbers: tuple[int, ...]


def mark_groups(text: str, *, given: Collection[int] | None = None) -> list[MarkGroup]:
    """Every group of adjacent marks. Text in back quotes is code, and `a[1]` there no citation.

    ``given`` are the passages there are. Brackets with other numbers in the middle of a clause, "[7] 号楼", and an interval
    with its unit, "[5, 40]℃", are words of the text.
    """
    groups: list[MarkGroup] = []
    for match in _MARK.finditer(text):
        numbers = _numbers(match.group("square") or match.group("round") or match.group("bare"))
        if text.count("`", 0, match.start()) % 2 or not _cites(numbers, text[match.end() :], given):
            continue
        if groups and not text[groups[-1].end : match.start()].strip(" ,，、"):
            last = groups.pop()
            numbers = tuple(dict.fromkeys(last.numbers + numbers))
            groups.append(MarkGroup(start=last.start, end=match.end(), numbers=numbers))
        else:
            groups.append(MarkGroup(start=match.start(), end=match.end(), numbers=numbers))
    return groups


def _cites(numbers: Sequence[int], after: str, given: Collection[int] | None) -> bool:
    if len(numbers) > 1 and _UNIT.match(after):
        return False
    known = given is None or any(number in given for number in numbers)
    return known or not (_UNIT.match(after) or _WORD.match(after))


def possible_mark_at(text: str, *, start: int = 0) -> int:
    """Where a mark begins, from ``start``, that is there already or may be when the text goes on; the length of the text if
    nowhere. Brackets that turn out to be no mark count too: that can change with the next letter.
    """
    found = [len(text)]
    if match := _MARK.search(text, start):
        found.append(_with_what_precedes(text, match.start(), start))
    if opening := _OPENING.search(text, start):
        found.append(opening.start())
    return min(found)


def _with_what_precedes(text: str, at: int, start: int) -> int:
    found = _PRECEDING.search(text, max(start, at - 4), at)
    return found.start() if found else at


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


def settled_marks(text: str, *, given: Collection[int] | None = None) -> str:
    """The sentence with each mark where a reader expects one.

    "运行[1]小时" has lost a figure to the brackets and gets it back. A mark before the figure it proves, "运行[1]1小时", goes
    to the end of its clause; one at the very beginning behind what it proves. Before the last mark a comma has nothing to
    separate, and a copula nothing to say: "复测是[1]。" has lost what was said, and sends the reader to the passage.
    """
    for group in reversed(mark_groups(text)):
        before, after = text[: group.start], text[group.end :]
        if len(group.numbers) == 1 and _UNIT.match(after) and not _CITING.search(before):
            text = f"{before}{group.numbers[0]}{after}"
    groups = mark_groups(text, given=given)
    for group in reversed(groups):
        before, mark, after = text[: group.start], text[group.start : group.end], text[group.end :]
        if _BEGINNING.fullmatch(before) and after.strip(_STOPS):
            after = after.lstrip(_STOPS)
            at = _clause_end(after) if len(groups) > 1 else len(after.rstrip(_STOPS))
            text = f"{before}{after[:at]}{mark}{after[at:]}"
        elif after[:1].isdigit() and not before.endswith("资料"):
            at = _clause_end(after)
            text = f"{before}{after[:at]}{mark}{after[at:]}"
        elif not after.strip(_STOPS):
            text = f"{before if mark[0] in _COMMAS else _ended(before)}{mark}{after}"
    return text


def _ended(words: str) -> str:
    if _COPULA.search(words):
        return f"{words.rstrip()[:-1]}见" if words.rstrip()[-1] in "是为" else f"{words.rstrip()}见"
    return re.sub(r"[，,、]\s*$", "", words)


def _clause_end(text: str) -> int:
    found = _CLAUSE_END.search(text)
    return found.start() if found else len(text)


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

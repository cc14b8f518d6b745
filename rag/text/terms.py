"""Terms for keyword search, by one function for passages and questions.

Chinese is cut by jieba's dictionary, long words into their parts too: 贷款 finds 不良贷款. Numbers with their unit
(85℃, 0.6MPa), codes (A-102) and clause numbers (第十二条, found by 第12条 too) stay whole; English is lower-cased and loses
its plural.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache

from rag.text.normalising import normalise
from rag.text.stopwords import STOPWORDS

_CLAUSE_KINDS = "章节条款项编类级期号页"
_CLAUSE = re.compile(rf"第\s*([0-9]+|[〇零一二三四五六七八九十百千两]+)\s*([{_CLAUSE_KINDS}])")
# In this order. Every part matches in one way only and nothing that may fail follows a repetition, so that hostile text
# costs no more time. No possessive quantifiers: those of Python before 3.11.5 lose their place (CPython issue 106052).
_TOKEN = re.compile(
    rf"(?P<clause>第[0-9]+[{_CLAUSE_KINDS}])"
    r"|(?P<latin>[^\W\d_㐀-鿿][^\W_㐀-鿿]*(?:[-_/.][^\W_㐀-鿿]+)*)(?:['’][^\W\d_㐀-鿿]*)?"
    r"|(?P<number>[0-9]+(?:[.,:/-][0-9]+)*)(?P<unit>%|‰|°[cf]?|[a-zμω]+[23²³]?(?:/[a-z0-9]+)?)?"
    r"|(?P<han>(?:(?!第[0-9])[㐀-鿿])+)"
)
_JOINTS = re.compile(r"[-_/.]")
_DIGITS = dict(zip("〇零一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_PLACES = {"十": 10, "百": 100, "千": 1000}
_LONGEST = 64  # characters; what is longer is no word
_CODE_PREFIX = 3  # letters; so many before a number are part of a code, as in LW-252, and no word


def index_terms(*, text: str) -> list[str]:
    """The terms of a passage, in order, with repetitions."""
    return [term for term in _terms(text) if term not in STOPWORDS]


def query_terms(*, text: str) -> list[str]:
    """The different terms of a question, in order. Empty where it consists of words that say nothing."""
    return list(dict.fromkeys(index_terms(text=text)))


def _terms(text: str) -> Iterator[str]:
    lowered = _CLAUSE.sub(_numbered_clause, normalise(text).lower())
    for match in _TOKEN.finditer(lowered):
        match next(name for name, found in match.groupdict().items() if found is not None):
            case "han":
                yield from _cutter()(match.group())
            case "latin":
                yield from _latin_terms(match.group("latin"))
            case "clause":
                yield match.group()
            case _:
                yield from _number_terms(match.group("number"), match.group("unit"))


@cache
def _cutter() -> Callable[[str], list[str]]:
    # Its dictionary takes 33 MiB from the moment of the import: processes that cut no Chinese go without.
    import rjieba

    return rjieba.cut_for_search


def _latin_terms(run: str) -> Iterator[str]:
    """A code (with a digit in it) whole, beside the words in it; anything else word by word."""
    is_code = any(character.isdigit() for character in run)
    if is_code:
        yield run[:_LONGEST]
    for part in _JOINTS.split(run):
        if not is_code or (len(part) > _CODE_PREFIX and part.isalpha()):
            yield _stem(part)[:_LONGEST]


def _number_terms(number: str, unit: str | None) -> Iterator[str]:
    plain = (
        number.replace(",", "") if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", number) else number
    )
    yield plain[:_LONGEST]
    if unit:
        yield (plain + unit)[:_LONGEST]


def _numbered_clause(match: re.Match[str]) -> str:
    digits, kind = match.groups()
    number = int(digits) if digits.isascii() else _chinese_number(digits)
    return f"第{number}{kind}"


def _chinese_number(digits: str) -> int:
    if not any(character in _PLACES for character in digits):
        return int("".join(str(_DIGITS[character]) for character in digits))
    total, digit = 0, 0
    for character in digits:
        if character in _PLACES:
            total += (digit or 1) * _PLACES[character]
            digit = 0
        else:
            digit = _DIGITS[character]
    return total + digit


def _stem(word: str) -> str:
    """Harman's S-stemmer: plurals only, because cutting more merged words that differ (bench/README.md)."""
    if len(word) < 4 or not word.isascii() or not word.endswith("s"):
        return word
    if word.endswith("ies") and not word.endswith(("eies", "aies")):
        return word[:-3] + "y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    return word[:-1] if not word.endswith(("us", "ss")) else word

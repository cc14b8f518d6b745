"""Whether a passage says what a sentence says, as far as words can tell.

Numbers and names are the facts that a model gets wrong most harmfully and that can be checked exactly, so each of them must
be in the passage or in the question. The rest is overlap of terms. What only repeats the question proves nothing, so the
terms that the question does not have weigh more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, reduce
from itertools import combinations
from operator import or_

from rag.answering.language import language_of
from rag.answering.numbers import Numbers, counted, missing_numbers, numbers_in, stated_numbers
from rag.answering.periods import PeriodEnd, other_period, period_ends
from rag.answering.polarity import clauses_of, polarity_of
from rag.answering.sentences import split_sentences
from rag.answering.source import Source
from rag.text import normalise

# The share of a sentence's terms that the passage must have to keep a mark the model set, and to set one it did not.
# Chosen on dragonball-zh and -en (reference answers against gold passages and against the hardest wrong ones of the same
# document): see tests/rag/answering/test_support.py for the examples that stand for them.
KEEP = 0.3
ATTACH = 0.5
_NOVEL_WEIGHT = 0.6
# Where a passage has a number of the sentence, this share of the sentence's terms must stand beside it.
ANCHOR = 0.2
# Of two passages cited for one sentence each must have at least this share of it; only the best few are paired.
_SHARE = 0.2
_ECHO = 0.8
_WHOLE = 0.9
_PAIRED = 4

_WHETHER = re.compile(
    r"吗\s*[？?]?$|是否|是不是|能否|可否|对不对|^(?:is|are|was|were|does|do|did|can|may|must|has|have)\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"超过|以上|以下|以内|不足|低于|高于|少于|多于|至少|最多|不满|达到|"
    r"\b(?:over|above|under|below|exceed\w*|more than|less than|up to|at most|at least|between)\b",
    re.IGNORECASE,
)
# So much of a clause must stand in a rule's clause for the two to speak of the same.
_SAME_RULE = 0.5
_FEWEST_OF_A_RULE = 3
_HAN_RUN = re.compile("[㐀-䶿一-鿿]+")
_WORD = re.compile(r"[a-z0-9][a-z0-9'’_./-]*[a-z0-9]|[a-z0-9]")
_CODE = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
_CAPITALISED = re.compile(r"(?<=[a-z,;:] )[A-Z][A-Za-z]{2,}")
_SERIES = re.compile("([a-z]{2,})-?[0-9]")
_BOOK_TITLE = re.compile("《([^》]{2,60})》")
_GLUE_PAIRS = """
根据 据资 资料 料中 中的 的规 可以 应当 以及 并且 或者
需要 为了 因此 此外 同时 其中 包括 以下 如下 进行 通过 具有 他们 我们 这个 这些
"""
_GLUE_WORDS = """
a an the of in on at to for and or is are was were be been by with as from that this these those it its their they he she his
her which who has have had will would can could may must should not no than then so such also into within during according
document documents passage passages source sources based following
"""
_GLUE = frozenset(_GLUE_PAIRS.split()) | frozenset(_GLUE_WORDS.split())


@dataclass(frozen=True, slots=True)
class Support:
    """``overlap`` is 0…1. ``missing`` names a number or a name that the passages do not hold.

    ``comparable`` is false across languages, where only ``shared_numbers`` of the answer and the passage can speak.
    """

    overlap: float
    missing: str = ""
    comparable: bool = True
    shared_numbers: int = 0

    @property
    def keeps(self) -> bool:
        """Good enough for a mark that the model set itself."""
        return not self.missing and (self.overlap >= KEEP or not self.comparable)

    @property
    def attaches(self) -> bool:
        """Good enough to set a mark where the model set none, or a wrong one."""
        strong = self.overlap >= ATTACH if self.comparable else self.shared_numbers > 0
        return not self.missing and strong


class SupportChecker:
    """Checks the sentences of one answer against the passages it was given."""

    def __init__(self, *, question: str, sources: Sequence[Source]) -> None:
        self._question = _compact(normalise(question))
        self._question_terms = frozenset(terms_of(question))
        self._asks_whether = bool(_WHETHER.search(question.strip()))
        self._question_numbers = numbers_in(normalise(question))
        self._by_number = {source.number: _Haystack.of(source) for source in sources}

    @property
    def numbers(self) -> Collection[int]:
        """Of the passages that were given."""
        return self._by_number.keys()

    def echoes(self, *, sentence: str) -> bool:
        """Whether the sentence only says the question again, as small models like to begin."""
        terms = frozenset(terms_of(sentence))
        together = terms | self._question_terms
        return bool(terms) and len(terms & self._question_terms) >= _ECHO * len(together)

    def states(self, *, phrase: str, number: int) -> bool:
        """Whether the passage has these very words."""
        return _compact(normalise(phrase)) in self._by_number[number].text

    def states_row(self, *, row: str) -> bool:
        """Whether one passage has everything that a table's row says, a figure among it: a head says nothing."""
        if not any(character.isdigit() for character in row):
            return False
        found = (self.support(sentence=row.replace("|", " "), numbers=[number]) for number in self._by_number)
        return any(support.attaches and support.overlap >= _WHOLE for support in found)

    def support(self, *, sentence: str, numbers: Sequence[int]) -> Support:
        """How far the passages ``numbers`` together support the sentence. One that was not given supports nothing."""
        if not numbers or any(number not in self._by_number for number in numbers):
            return Support(overlap=0.0, missing="[?]")
        haystacks = [self._by_number[number] for number in numbers]
        plain = normalise(sentence)
        comparable = any(language_of(plain) == haystack.language for haystack in haystacks)
        return Support(
            overlap=self._overlap(plain, haystacks),
            missing=self._missing(plain, haystacks, comparable=comparable),
            comparable=comparable,
            shared_numbers=self._shared_numbers(plain, haystacks),
        )

    def best(self, *, sentence: str) -> tuple[int, ...]:
        """The passage, or the two together, that support the sentence strongly; empty when none do."""
        ranked = sorted(
            self._by_number, key=lambda number: -self.support(sentence=sentence, numbers=[number]).overlap
        )
        for number in ranked:
            if self.support(sentence=sentence, numbers=[number]).attaches:
                return (number,)
        pairs = combinations(ranked[:_PAIRED], 2)
        found = next((pair for pair in pairs if self.supports_jointly(sentence=sentence, numbers=pair)), ())
        return tuple(sorted(found))

    def supports_jointly(self, *, sentence: str, numbers: Sequence[int]) -> bool:
        """Whether the passages support the sentence together, each with a part of its own."""
        if not self.support(sentence=sentence, numbers=numbers).attaches:
            return False
        alone = [self.support(sentence=sentence, numbers=[number]).overlap for number in numbers]
        return min(alone) >= _SHARE

    def _missing(self, sentence: str, haystacks: Sequence[_Haystack], *, comparable: bool) -> str:
        """The first fact of the sentence that these passages do not have; empty when none is missing."""
        return next(filter(None, self._missing_facts(sentence, haystacks, comparable=comparable)), "")

    def _missing_facts(
        self, sentence: str, haystacks: Sequence[_Haystack], *, comparable: bool
    ) -> Iterator[str]:
        known = reduce(or_, (haystack.numbers for haystack in haystacks), self._question_numbers)
        yield from (f"{number:f}" for number in missing_numbers(sentence, among=known))
        yield _other_period(sentence, haystacks)
        if comparable:
            yield self._only_asked(sentence, haystacks)
            yield _opposed(sentence, haystacks)
            yield self._stray_number(sentence, haystacks)
        yield self._missing_name(sentence, haystacks, comparable=comparable)

    def _missing_name(self, sentence: str, haystacks: Sequence[_Haystack], *, comparable: bool) -> str:
        for name in names_in(sentence):
            folded = _compact(name)
            if any(folded in haystack.text for haystack in haystacks):
                continue
            if folded in self._question and not _has_sibling(folded, haystacks):
                continue
            if comparable or any(character.isdigit() for character in name):
                return name  # across languages a name without digits may have been translated
        return ""

    def _only_asked(self, sentence: str, haystacks: Sequence[_Haystack]) -> str:
        """A number of the question that the passages do not have, where they state another one of the same unit.

        "Is the limit 500?" does not make 500 true. A sentence that gives the passage's number beside it compares, and a
        passage that sets a bound ("above 500 the board decides") speaks of other numbers too, unless the question is whether.
        """
        known = reduce(or_, (haystack.numbers for haystack in haystacks)).values
        said = counted(sentence)
        for value, unit in said:
            if value in known or value not in self._question_numbers.values:
                continue
            place = _nearest(frozenset(terms_of(sentence)), haystacks)
            others = {number for number, its in place.counted if its == unit} if place else set()
            if not others or any(number in others for number, its in said if its == unit):
                continue
            if self._asks_whether or not place or not place.bounds:
                return f"{value:f}"
        return ""

    def _stray_number(self, sentence: str, haystacks: Sequence[_Haystack]) -> str:
        """A number that the passages have, but where they speak of something else."""
        terms = frozenset(terms_of(sentence))
        for value, bare in stated_numbers(sentence):
            if value in self._question_numbers.values:
                continue
            places = [
                place for haystack in haystacks for place in haystack.places if place.states(value, bare)
            ]
            if max((len(terms & place.terms) for place in places), default=0) < ANCHOR * len(terms):
                return f"{value:f}"
        return ""

    def _shared_numbers(self, sentence: str, haystacks: Sequence[_Haystack]) -> int:
        asked = self._question_numbers.values
        return len({value for value, _bare in stated_numbers(sentence) if value not in asked})

    def _overlap(self, sentence: str, haystacks: Sequence[_Haystack]) -> float:
        terms = terms_of(sentence)
        if not terms:
            return 0.0
        covered = [term for term in terms if any(term in haystack.terms for haystack in haystacks)]
        share = len(covered) / len(terms)
        novel = [term for term in terms if term not in self._question_terms]
        if not novel:
            return share
        fresh = sum(term not in self._question_terms for term in covered) / len(novel)
        return (1 - _NOVEL_WEIGHT) * share + _NOVEL_WEIGHT * fresh


def _other_period(sentence: str, haystacks: Sequence[_Haystack]) -> str:
    """An end of a period that the passages do not have, where they have another one of its year."""
    known = frozenset[PeriodEnd]().union(*(haystack.periods for haystack in haystacks))
    period = other_period(period_ends(sentence), known=known)
    return f"{period.year}-{period.month:02}" if period else ""


def _has_sibling(code: str, haystacks: Sequence[_Haystack]) -> bool:
    """Whether the passages, which do not have this code, speak of another one of its series: of LW-252, asked for LW-40."""
    series = _SERIES.match(code)
    if series is None:
        return False
    other = re.compile(rf"(?<![a-z0-9]){series.group(1)}-?[0-9]")
    return any(other.search(haystack.text) for haystack in haystacks)


@dataclass(frozen=True, slots=True)
class _Place:
    """A sentence or a table's row, with the terms of the one before it."""

    terms: frozenset[str]
    numbers: Numbers
    counted: tuple[tuple[Decimal, str], ...]
    bounds: bool

    def states(self, value: Decimal, bare: Decimal) -> bool:
        return value in self.numbers.values or bare in self.numbers.bare


@dataclass(frozen=True, slots=True)
class _Haystack:
    text: str
    terms: frozenset[str]
    numbers: Numbers
    language: str
    places: tuple[_Place, ...]
    rules: tuple[tuple[frozenset[str], int], ...]
    periods: frozenset[PeriodEnd]

    @classmethod
    def of(cls, source: Source) -> _Haystack:
        text = normalise(f"{source.title}\n{source.section}\n{source.text}")
        return cls(
            text=_compact(text),
            terms=frozenset(terms_of(text)),
            numbers=numbers_in(text),
            language=language_of(source.text),
            places=_places(text),
            rules=tuple(
                (frozenset(terms_of(clause)), polarity)
                for clause in clauses_of(text)
                if (polarity := polarity_of(clause))
            ),
            periods=period_ends(text),
        )


def _places(text: str) -> tuple[_Place, ...]:
    found: list[_Place] = []
    before: frozenset[str] = frozenset()
    for sentence in split_sentences(text):
        terms = frozenset(terms_of(sentence))
        found.append(
            _Place(
                terms=terms | before,
                numbers=numbers_in(sentence),
                counted=tuple(counted(sentence)),
                bounds=bool(_BOUND.search(sentence)),
            )
        )
        before = terms
    return tuple(found)


def _nearest(terms: frozenset[str], haystacks: Sequence[_Haystack]) -> _Place | None:
    """The place that shares the most terms."""
    places = [place for haystack in haystacks for place in haystack.places if terms & place.terms]
    return max(places, key=lambda place: len(terms & place.terms), default=None)


def _opposed(sentence: str, haystacks: Sequence[_Haystack]) -> str:
    """A clause that allows what the passages forbid, or the other way round."""
    for clause in clauses_of(sentence):
        terms, polarity = frozenset(terms_of(clause)), polarity_of(clause)
        if not polarity or len(terms) < _FEWEST_OF_A_RULE:
            continue
        rules = [(len(terms & its), sign) for haystack in haystacks for its, sign in haystack.rules]
        shared = max((share for share, _sign in rules), default=0)
        if shared >= _SAME_RULE * len(terms) and (shared, polarity) not in rules:
            return clause.strip()
    return ""


def _compact(text: str) -> str:
    """Lower case without white space: 10 kV is 10kV."""
    return "".join(text.lower().split())


@lru_cache(maxsize=4096)
def terms_of(text: str) -> tuple[str, ...]:
    """Pairs of Han characters, and words without endings; what any text has is left out. Each once."""
    lowered = normalise(text).lower()
    found: dict[str, None] = {}
    for run in _HAN_RUN.findall(lowered):
        for at in range(max(1, len(run) - 1)):
            if (pair := run[at : at + 2]) not in _GLUE:
                found[pair] = None
    for word in _WORD.findall(lowered):
        if word not in _GLUE:
            found[_stem(word)] = None
    return tuple(found)


def names_in(sentence: str) -> list[str]:
    """Codes (SF6, T-102), acronyms, capitalised words in the middle of a sentence, and titles in 《》."""
    found = [code for code in _CODE.findall(sentence) if len(code) > 1 and _is_name(code)]
    found += _CAPITALISED.findall(sentence)
    found += _BOOK_TITLE.findall(sentence)
    return list(dict.fromkeys(found))


def _is_name(code: str) -> bool:
    has_digit = any(character.isdigit() for character in code) and any(
        character.isalpha() for character in code
    )
    return has_digit or (code.isupper() and code.isalpha())


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and word.isalpha():
            return word[: -len(ending)]
    return word

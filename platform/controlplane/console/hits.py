"""What hit testing shows of a passage: its score by leg, and where the question's terms stand in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.documents.models import KnowledgeBase
from controlplane.documents.search import FoundPassage, SearchOutcome
from rag.retrieval import Leg
from rag.text import query_terms


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_term: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """`from_` and `width` in percent of the whole scale: the part of the fused score that the leg brought."""

    from_: float
    width: float


@dataclass(frozen=True, slots=True)
class HitRow:
    place: int
    found: FoundPassage
    base: str
    pieces: tuple[Piece, ...]

    @property
    def percent(self) -> int:
        return round(100 * self.found.score)

    @property
    def dense_bar(self) -> Bar:
        return Bar(0, _part(self.found.dense_leg))

    @property
    def keyword_bar(self) -> Bar:
        return Bar(_part(self.found.dense_leg), _part(self.found.keyword_leg))


def _part(leg: Leg | None) -> float:
    return round(100 * leg.share * leg.weight, 1) if leg else 0.0


def hit_rows(*, outcome: SearchOutcome, query: str, bases: Sequence[KnowledgeBase]) -> list[HitRow]:
    names = {base.pk: base.name for base in bases}
    terms = query_terms(text=query)
    return [
        HitRow(place, found, names.get(found.knowledge_base_id, ""), marked(text=found.text, terms=terms))
        for place, found in enumerate(outcome.passages, start=1)
    ]


def marked(*, text: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """The text in pieces, those that are terms apart. Nothing is markup yet: the template escapes each piece."""
    longest_first = sorted({term for term in terms if term.strip()}, key=len, reverse=True)
    if not longest_first:
        return (Piece(text, is_term=False),)
    pattern = re.compile("|".join(map(_pattern, longest_first)), re.IGNORECASE)
    pieces: list[Piece] = []
    last = 0
    for match in pattern.finditer(text):
        if match.start() > last:
            pieces.append(Piece(text[last : match.start()], is_term=False))
        pieces.append(Piece(match.group(), is_term=True))
        last = match.end()
    pieces.append(Piece(text[last:], is_term=False))
    return tuple(piece for piece in pieces if piece.text)


def _pattern(term: str) -> str:
    """A Latin term stands at the beginning of a word; Chinese has no such thing."""
    return rf"(?<![a-z0-9]){re.escape(term)}" if term.isascii() else re.escape(term)

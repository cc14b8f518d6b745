"""What hit testing shows of a passage: its score by leg, and its text."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.console.passages import Part, parts_of
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.search import FoundPassage, SearchOutcome
from rag.retrieval import Leg
from rag.text import query_terms


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
    parts: tuple[Part, ...]

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
        HitRow(place, found, names.get(found.knowledge_base_id, ""), parts_of(text=found.text, terms=terms))
        for place, found in enumerate(outcome.passages, start=1)
    ]

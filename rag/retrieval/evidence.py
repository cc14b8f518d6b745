"""Whether what was found can carry an answer.

The measure is the best hit's score. A logistic regression over cosine, BM25, coverage by passage and by sentence, missing
numbers and words weighed by their rarity in general Chinese did not separate answerable questions from unanswerable ones
any better on data it had not seen. What a threshold can tell is a question that the documents do not touch; one that
they touch without answering must be caught by checking the answer against the passages (bench/README.md, "Evidence").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rag.retrieval.query import Hit

Reason = Literal["", "nothing_found", "too_thin"]

# Scores under which one answerable question in twenty of the demonstration packs lies (bench/bench_evidence.py). The
# calibrations of `fusion` bring both bundled models to one scale; a search by one leg alone has another.
HYBRID, DENSE, KEYWORD = 0.19, 0.29, 0.11


@dataclass(frozen=True, slots=True)
class Evidence:
    """`score`: from 0 to 1, the more the better. `reason`: empty where the evidence is sufficient. `threshold`: what the
    score had to reach."""

    sufficient: bool
    score: float
    reason: Reason
    threshold: float = HYBRID


def judge(
    *, query: str, hits: Sequence[Hit], texts: Mapping[int, str], threshold: float | None = None
) -> Evidence:
    """Judge the hits of a search for `query`.

    `texts`: of the hits, by passage; a hit whose text is empty or gone carries nothing. `threshold` replaces the
    calibrated one.
    """
    standing = [hit for hit in hits if texts.get(hit.passage_id, "").strip()] if query.strip() else []
    if not standing:
        return Evidence(sufficient=False, score=0.0, reason="nothing_found")
    best = max(standing, key=lambda hit: hit.score)
    limit = _threshold(best) if threshold is None else threshold
    sufficient = best.score >= limit
    return Evidence(
        sufficient=sufficient, score=best.score, reason="" if sufficient else "too_thin", threshold=limit
    )


def _threshold(hit: Hit) -> float:
    if hit.dense is None:
        return KEYWORD
    return DENSE if hit.keyword is None else HYBRID

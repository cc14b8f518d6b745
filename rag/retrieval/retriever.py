"""Reading the index."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from rag.index import Space
from rag.index.cursor import Cursor
from rag.index.postings import K1, term_key
from rag.index.schema import DIMENSIONS
from rag.index.vectors import halfvec_literal
from rag.retrieval import fusion, statement
from rag.retrieval.query import Hit, Leg, Query
from rag.text import query_terms

CANDIDATES = 50  # of each leg, before fusion; top_k raises it
EF_SEARCH = 200
MAX_SCAN_TUPLES = 40_000
# Of a comparison made by the HNSW scan and one made by the exact scan, the first costs about as many of the second.
HNSW_COST = 12
# Below this HNSW saves nothing worth an approximation.
ALWAYS_EXACT = 4_000


class Retriever:
    """`cursor`: inside a transaction whose scope is set; what the scope may not see is not found."""

    def __init__(self, *, cursor: Cursor) -> None:
        self._cursor = cursor

    def search(
        self, *, tenant_id: UUID, space: Space, knowledge_base_ids: Sequence[UUID], query: Query
    ) -> list[Hit]:
        """The best `query.top_k` passages of these bases, best first, in one round trip for each decision.

        Raises ValueError where the query's vector is missing or not of the space's dimension.
        """
        parameters: dict[str, Any] = {
            "tenant": tenant_id,
            "space": space.id,
            "bases": list(knowledge_base_ids),
            "candidates": max(CANDIDATES, query.top_k),
        }
        keys: list[int] = []
        if query.mode != "dense":
            terms = query_terms(text=query.text)
            pairs = [(base, place) for base in knowledge_base_ids for place in range(len(terms))]
            keys = [term_key(knowledge_base_id=base, term=terms[place]) for base, place in pairs]
            parameters |= {"keys": keys, "terms": [place for _, place in pairs]}
        if query.mode == "keyword":
            rows = self._rows(statement.keyword(), parameters) if keys else []
        else:
            parameters["vector"] = _literal(query, space)
            exact = self._is_exact(space, parameters)
            make = statement.hybrid if keys else statement.dense
            rows = self._rows(make(exact=exact, dimension=space.dimension), parameters)
        return _hits(rows, space=space, candidates=parameters["candidates"], top_k=query.top_k)

    def _rows(self, sql: str, parameters: dict[str, Any]) -> Sequence[Any]:
        self._cursor.execute(sql, parameters)
        return self._cursor.fetchall()

    def _is_exact(self, space: Space, parameters: dict[str, Any]) -> bool:
        settings = {"ef_search": str(EF_SEARCH), "max_scan_tuples": str(MAX_SCAN_TUPLES)}
        self._cursor.execute(statement.SIZE, {**parameters, **settings})
        readable, indexed = self._cursor.fetchone()[:2]
        return space.dimension not in DIMENSIONS or exact_is_cheaper(
            readable=readable, indexed=indexed, candidates=parameters["candidates"]
        )


def exact_is_cheaper(*, readable: int, indexed: int, candidates: int) -> bool:
    """Whether comparing every readable passage costs less than walking the HNSW graph of all tenants until enough of the
    passages met are readable ones.
    """
    if readable <= ALWAYS_EXACT:
        return True
    walked = EF_SEARCH + candidates * max(indexed, readable) / readable
    return readable <= HNSW_COST * walked


def _literal(query: Query, space: Space) -> str:
    if query.vector is None or query.vector.shape != (space.dimension,):
        raise ValueError(f"{query.mode} search needs a query vector of {space.dimension} dimensions")
    return halfvec_literal(query.vector)


def _hits(rows: Sequence[Sequence[Any]], *, space: Space, candidates: int, top_k: int) -> list[Hit]:
    calibration = fusion.calibration(model=space.model)
    ranked = []
    for row in rows:
        best = row[6] * (K1 + 1)
        parts = fusion.parts(calibration=calibration, dense=row[3], keyword=row[4], best=best)
        ranked.append((-parts.score, row[0], row, parts))
    ranked.sort(key=lambda one: one[:2])
    ranks = _ranks(rows, 3, candidates), _ranks(rows, 4, candidates)
    return [_hit(row, parts, *ranks) for _, _, row, parts in ranked[:top_k]]


def _ranks(rows: Sequence[Sequence[Any]], column: int, candidates: int) -> dict[int, int]:
    """The places of the leg's own candidates: what only the other leg brought stands behind them, nobody knows where."""
    scored = sorted((-row[column], row[0]) for row in rows if row[column])
    return {passage_id: place for place, (_, passage_id) in enumerate(scored[:candidates], start=1)}


def _hit(
    row: Sequence[Any], parts: fusion.Parts, dense_ranks: dict[int, int], keyword_ranks: dict[int, int]
) -> Hit:
    passage_id, document_id, knowledge_base_id, dense, keyword, mass, asked = row
    return Hit(
        passage_id=passage_id,
        document_id=document_id,
        knowledge_base_id=knowledge_base_id,
        score=_bounded(parts.score),
        dense=dense,
        keyword=keyword,
        coverage=mass / asked if asked else 0.0,
        dense_leg=_leg(parts.meaning, parts.meaning_weight, dense_ranks.get(passage_id)),
        keyword_leg=_leg(parts.words, parts.words_weight, keyword_ranks.get(passage_id)),
    )


def _leg(share: float | None, weight: float, rank: int | None) -> Leg | None:
    return None if share is None else Leg(share=_bounded(share), weight=weight, rank=rank)


def _bounded(score: float) -> float:
    return min(1.0, max(0.0, score))

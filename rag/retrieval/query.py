"""What is asked of the index, and what it answers."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

Mode = Literal["hybrid", "dense", "keyword"]


@dataclass(frozen=True, slots=True)
class Query:
    """`vector`: of the text, in the space that is searched; may be None in keyword mode, where it is not read."""

    text: str
    vector: NDArray[np.float32] | None
    mode: Mode
    top_k: int


@dataclass(frozen=True, slots=True)
class Leg:
    """How one leg alone judged a passage. `share`: from 0 to 1, what it enters the fused score with, before its weight.

    `rank`: among the candidates of this leg, from 1; None for a passage that only the other leg brought.
    """

    share: float
    weight: float
    rank: int | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found, best first.

    `score`: from 0 to 1, the legs weighed together. `dense`: cosine similarity, None in keyword mode. `keyword`: BM25,
    0 where the passage has none of the query's terms, None in dense mode. `coverage`: the share of the query's terms, by
    their rarity (idf) in the bases that were searched, that the passage holds; 0 in dense mode. The legs tell how the score
    came about; None where the leg took no part.
    """

    passage_id: int
    document_id: UUID
    knowledge_base_id: UUID
    score: float
    dense: float | None
    keyword: float | None
    coverage: float
    dense_leg: Leg | None = None
    keyword_leg: Leg | None = None

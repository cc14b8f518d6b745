"""What goes into the index."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Space:
    """What made a set of vectors. Those of two spaces are never compared."""

    id: UUID
    model: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A passage as it is indexed: `terms` from `rag.text.index_terms`, `vector` float32 of shape (dimension,)."""

    passage_id: int
    terms: Sequence[str]
    vector: NDArray[np.float32]

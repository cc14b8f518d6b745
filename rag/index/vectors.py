"""Vectors as PostgreSQL reads them."""

import numpy as np
from numpy.typing import NDArray


def halfvec_literal(vector: NDArray[np.float32]) -> str:
    """pgvector's text form. Five digits: a half-precision number has no more.

    Raise ValueError unless all components are finite.
    """
    if not np.isfinite(vector).all():
        raise ValueError("a vector with NaN or infinity cannot be indexed")
    return "[" + ",".join([f"{component:.5g}" for component in vector.tolist()]) + "]"

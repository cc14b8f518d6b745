"""What can be wrong with a question to the planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

ProblemCode = Literal[
    "unknown_model",
    "model_not_planned",
    "unknown_accelerator",
    "precision_not_there",
    "precision_not_supported",
    "no_precision_supported",
    "out_of_range",
    "context_too_long",
    "request_too_long",
    "kv_cache_not_supported",
    "speculation_not_there",
    "purchase_and_lease",
    "purchase_or_lease",
    "power_unknown",
    "no_api_price",
    "exchange_rate_missing",
]


class PlanInputError(ValueError):
    """A field of the request is wrong. ``code`` is stable; ``values`` are what a text about it needs."""

    def __init__(self, code: ProblemCode, *, field: str, **values: str | float) -> None:
        super().__init__(f"{field}: {code} {values}")
        self.code = code
        self.field = field
        self.values: Mapping[str, str | float] = values

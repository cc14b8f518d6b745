"""What a fetch reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

FetchStage = Literal["waiting", "downloading", "verifying"]


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """``done`` and ``total`` are bytes of the finished file, whatever the source ships around them."""

    stage: FetchStage
    source: str
    done: int
    total: int


ProgressCallback = Callable[[FetchProgress], None]


def ignore_progress(progress: FetchProgress) -> None:
    """The callback of a caller who does not want to know."""

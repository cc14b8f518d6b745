"""What splitting takes and gives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SplitSettings:
    """Sizes in weighted characters (see weighted_length): 500 is 500 Han characters or about 1,250 Latin
    letters.

    ``overlap_chars`` bounds how much of the end of one passage is repeated at the start of the next inside
    running text; tables repeat their header instead.
    """

    max_chars: int = 500
    overlap_chars: int = 100

    def __post_init__(self) -> None:
        if self.max_chars < 20:
            raise ValueError("max_chars must be at least 20")
        if not 0 <= self.overlap_chars <= self.max_chars // 2:
            raise ValueError("overlap_chars must be between 0 and half of max_chars")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document; it stands on ``page`` to ``page_end``, under the path ``section``: ``A > B``."""

    ordinal: int
    text: str
    page: int | None
    page_end: int | None
    section: str

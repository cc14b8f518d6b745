"""What an answer is made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A passage as it is put before the model. ``number`` counts from 1 and is what a mark ``[1]`` names."""

    number: int
    title: str
    text: str
    section: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """An earlier question and the answer it got, without marks of citations being needed."""

    question: str
    answer: str

"""A conversation as a page shows it: each question with its answer, the answer's text cut at its citations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controlplane.chat.models import MessageRole
from controlplane.chat.selectors import CitationView, MessageView


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, or the mark of a citation."""

    text: str
    citation: CitationView | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """`answer` is None where there is none: still being written, failed without a word, or deleted."""

    question: MessageView
    answer: MessageView | None
    pieces: tuple[Piece, ...] = ()


def turns_of(*, messages: Sequence[MessageView]) -> list[Turn]:
    turns: list[Turn] = []
    for view in messages:
        if view.message.role == MessageRole.QUESTION:
            turns.append(Turn(view, None))
        elif turns:
            turns[-1] = Turn(turns[-1].question, view, tuple(_pieces(view)))
    return turns


def _pieces(view: MessageView) -> Iterator[Piece]:
    text, at = view.message.content, 0
    for cited in sorted(view.citations, key=lambda c: c.citation.start):
        start, end = cited.citation.start, cited.citation.end
        if start < at or end > len(text):  # of an answer that was withheld, or shortened
            continue
        if text[at:start]:
            yield Piece(text[at:start])
        yield Piece(text[start:end], cited)
        at = end
    if text[at:]:
        yield Piece(text[at:])

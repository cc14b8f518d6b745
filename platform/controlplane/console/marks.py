"""Where a question's terms stand in a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

# A question of 4,000 characters has thousands of terms; nobody reads as many marks.
_MOST_TERMS = 400
_LONGEST_TERM = 40


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    is_term: bool


def marked(*, text: str, terms: Sequence[str]) -> tuple[Piece, ...]:
    """The text in pieces, those that are terms apart. Nothing is markup yet: the template escapes each piece.

    A Latin term stands at the beginning of a word; Chinese has no such thing. The time grows with the text and not with the
    number of terms: at each place there are as many comparisons as the terms have lengths, and these are bounded.
    """
    by_length = _by_length(terms)
    lowered = _lowered(text)
    pieces: list[Piece] = []
    last = at = 0
    while at < len(text):
        end = at + _length_at(lowered, at, by_length)
        if end == at:
            at += 1
            continue
        if at > last:
            pieces.append(Piece(text[last:at], is_term=False))
        pieces.append(Piece(text[at:end], is_term=True))
        last = at = end
    if last < len(text):
        pieces.append(Piece(text[last:], is_term=False))
    return tuple(pieces)


def _by_length(terms: Sequence[str]) -> list[tuple[int, frozenset[str]]]:
    """The terms in lower case, the longest first."""
    found: dict[int, set[str]] = {}
    for term in islice(dict.fromkeys(map(_lowered, terms)), _MOST_TERMS):
        if term.strip() and len(term) <= _LONGEST_TERM:
            found.setdefault(len(term), set()).add(term)
    return [(length, frozenset(found[length])) for length in sorted(found, reverse=True)]


def _length_at(lowered: str, at: int, by_length: Sequence[tuple[int, frozenset[str]]]) -> int:
    """Of the longest term that stands there; 0 for none."""
    inside_word = at > 0 and _is_word(lowered[at - 1])
    for length, terms in by_length:
        found = lowered[at : at + length]
        if found in terms and not (inside_word and found.isascii()):
            return length
    return 0


def _lowered(text: str) -> str:
    """Character by character: `İ`.lower() are two, and every place after it would be another one."""
    return "".join(lower if len(lower := char.lower()) == 1 else char for char in text)


def _is_word(char: str) -> bool:
    return char.isascii() and char.isalnum()

"""The part of a passage that is worth its place in a short prompt."""

from __future__ import annotations

from collections.abc import Collection

from rag.answering.sentences import sentence_end
from rag.answering.support import terms_of
from rag.text import normalise

_ELLIPSIS = "…"
_LONGEST_HEADER = 120


def best_window(text: str, *, terms: Collection[str], size: int) -> str:
    """Whole sentences, together at most ``size`` characters, that hold the most of the question's terms.

    A single sentence that is longer is cut around its terms. A table keeps its first line: cells mean nothing without it.
    """
    if len(text) <= size:
        return text
    header = _table_header(text)
    body = text[len(header) :].lstrip("\n")
    room = size - len(header) - 1 if header else size
    spans = _spans(body)
    wanted = set(terms) - set(terms_of(header))
    scores = [wanted.intersection(terms_of(body[start:end])) for start, end in spans]
    best, best_key = (0, 0), (-1, 0)
    for first in range(len(spans)):
        covered: set[str] = set()
        for last in range(first, len(spans)):
            if last > first and spans[last][1] - spans[first][0] > room:
                break
            covered |= scores[last]
            # Among windows that cover as much the longer one: what stands around an answer explains it.
            key = (len(covered), spans[last][1] - spans[first][0])
            if key > best_key:
                best, best_key = (first, last), key
    start, end = spans[best[0]][0], spans[best[1]][1]
    window = _cut(body[start:end].strip(), wanted, room)
    return f"{header}\n{window}" if header else window


def _spans(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    while (end := sentence_end(text, start=at)) is not None:
        spans.append((at, end[1]))
        at = end[1]
    if at < len(text):
        spans.append((at, len(text)))
    return spans


def _table_header(text: str) -> str:
    first, _newline, rest = text.partition("\n")
    is_table = (first.count("|") > 1 or "\t" in first) and bool(rest)
    return first if is_table and len(first) <= _LONGEST_HEADER else ""


def _cut(sentence: str, terms: Collection[str], size: int) -> str:
    """At most ``size`` characters, around the first of the terms."""
    if len(sentence) <= size:
        return sentence
    lowered = normalise(sentence).lower()
    places = [place for term in terms if (place := lowered.find(term)) >= 0]
    middle = min(places, default=0)
    start = max(0, min(middle - size // 3, len(sentence) - size))
    cut = sentence[start : start + size - 2]
    return f"{_ELLIPSIS if start else ''}{cut}{_ELLIPSIS if start + size < len(sentence) else ''}"

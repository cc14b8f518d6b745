"""Where sentences end."""

from __future__ import annotations

import re

# A full stop of Latin script ends a sentence only before white space: 3.5, karez.conf and U.S. go on. What closes a
# quotation belongs to the sentence.
CLOSERS = "”’」』）)\"'*"
_END = re.compile(rf"[。！？…]+[{CLOSERS}]*|[.!?]+[{CLOSERS}]*(?=\s|$|[\[【(（])|\n")
# "1." and "a)" begin an item, they end nothing; "No." and "Art." are abbreviations.
_NOT_AN_END = re.compile(
    r"(?:^|\s)(?:\d{1,3}|[A-Za-z]|No|Nos|Art|Sec|Fig|Dr|Mr|Mrs|Ms|e\.g|i\.e|cf|vs|approx|etc)\.$"
)

_LONGEST_ABBREVIATION = 12


def sentence_end(text: str, *, start: int = 0, searched: int = 0) -> tuple[int, int] | None:
    """Where the first sentence from ``start`` ends: the end of its words and the end of its punctuation.

    None while the text is still in the middle of one. A Latin full stop at the very end of the text counts as an end:
    a caller that streams looks again when there is more, and says with ``searched`` before which place there is none.
    """
    for match in _END.finditer(text, max(start, searched)):
        seen = max(start, match.end() - _LONGEST_ABBREVIATION)
        # Cut off a word in the middle, and it would look like the beginning of one.
        head = text[seen - 1] if seen > start else ""
        if not _NOT_AN_END.search(head + text[seen : match.end()]):
            return match.start(), match.end()
    return None


def split_sentences(text: str) -> list[str]:
    """The sentences of a text without the space around them; lines are never joined."""
    found, at = [], 0
    while (end := sentence_end(text, start=at)) is not None:
        found.append(text[at : end[1]].strip())
        at = end[1]
    found.append(text[at:].strip())
    return [sentence for sentence in found if sentence]

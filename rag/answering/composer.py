"""The answer as it is shown: every mark in it checked, renumbered and placed.

Words stream out at once. Held back are only what may still become a mark, a sentence from its first mark to its end (whether
the mark is right depends on the whole sentence), and everything until the first sentence that a passage supports: an answer
that no passage supports is never shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.answering.marks import (
    MarkGroup,
    mark_groups,
    marks_end,
    possible_mark_at,
    settled_marks,
    without_marks,
)
from rag.answering.refusal import declining_phrases
from rag.answering.sentences import sentence_end
from rag.answering.support import SupportChecker, terms_of

_FEWEST_TERMS = 4
_FENCES = ("```", "~~~")
_QUESTION_MARKS = ("?", "？")
_UNCITED_STARTS = ("|", "#", "---", "===")


@dataclass(frozen=True, slots=True)
class PlacedCitation:
    """A mark ``[index]`` at ``start:end`` of the shown text, in characters, for the passage ``number`` of the prompt."""

    index: int
    number: int
    start: int
    end: int


@dataclass(slots=True)
class _Shown:
    length: int = 0
    held: list[str] = field(default_factory=list)
    released: bool = False


def _without(sentence: str, groups: Sequence[MarkGroup]) -> str:
    for group in reversed(groups):
        sentence = sentence[: group.start] + sentence[group.end :]
    return sentence


class AnswerComposer:
    """Feed the model's text; get the text to show. ``citations`` grows as marks are placed."""

    def __init__(self, *, checker: SupportChecker) -> None:
        self._checker = checker
        self._indexes: dict[int, int] = {}
        self._sentence = ""
        self._taken = 0
        self._in_code = False
        self._shown = _Shown()
        self.citations: list[PlacedCitation] = []

    @property
    def supported(self) -> bool:
        """Whether a passage supports any of it yet; until then nothing is shown."""
        return self._shown.released

    @property
    def withheld(self) -> str:
        """What was written and not shown."""
        return "".join(self._shown.held) + self._sentence[self._taken :]

    def feed(self, text: str) -> str:
        """What may be shown now."""
        self._sentence += text
        return self._released(self._advance(final=False))

    def finish(self) -> str:
        """The rest, now that nothing follows. Empty, with ``withheld``, when no passage supports the answer."""
        return self._released(self._advance(final=True))

    def _advance(self, *, final: bool) -> list[str]:
        ready: list[str] = []
        while (end := self._complete(final=final)) is not None:
            words_end, after = end
            ready.append(self._render(self._sentence[:after], words_end))
            self._sentence, self._taken = self._sentence[after:], 0
        if final:
            ready.append(self._render(self._sentence, len(self._sentence.rstrip())))
            self._sentence, self._taken = "", 0
        else:
            ready.append(self._early())
        return [text for text in ready if text]

    def _complete(self, *, final: bool) -> tuple[int, int] | None:
        """The sentence at the beginning of the buffer, with the marks behind it; None while more may belong to it."""
        if (end := sentence_end(self._sentence, searched=self._taken)) is None:
            return None
        words_end, punctuation_end = end
        if self._sentence[words_end] == "\n":
            return words_end, punctuation_end
        after, open_ended = marks_end(self._sentence, start=punctuation_end)
        if open_ended and not final:
            return None
        return words_end, after

    def _early(self) -> str:
        """The part of an unfinished sentence that no check can change any more."""
        # What was taken holds neither an end nor a mark: looking at the tail alone keeps a text without ends linear.
        ended = sentence_end(self._sentence, searched=self._taken)
        limit = possible_mark_at(self._sentence, start=self._taken)
        limit = limit if ended is None else min(limit, ended[0])
        text = self._sentence[self._taken : limit].rstrip()
        limit = self._taken + len(text)
        if not text or self._may_be_fence():
            return ""
        self._advance_shown(text)
        self._taken = limit
        return text

    def _may_be_fence(self) -> bool:
        return self._sentence.lstrip()[:1] in ("`", "~") and "\n" not in self._sentence

    def _render(self, sentence: str, words_end: int) -> str:
        """The sentence from what was already taken, with its marks as they are to be shown."""
        if sentence.lstrip().startswith(_FENCES):
            self._in_code = not self._in_code
            return self._verbatim(sentence)
        if self._in_code:
            return self._verbatim(sentence)
        if self._is_echo(sentence):
            self._shown.held.clear()
            self._shown.length = 0
            return ""
        # Nothing behind the first mark was taken yet, so the rest of the sentence may still change.
        settled = settled_marks(sentence, given=self._checker.numbers)
        words_end += len(settled) - len(sentence) if settled != sentence else 0
        sentence = settled
        groups = mark_groups(sentence, given=self._checker.numbers)
        if not groups:
            return self._attached(sentence, words_end)
        return self._checked(sentence, groups)

    def _is_echo(self, sentence: str) -> bool:
        """The question once more, at the very beginning, of which nothing has been shown yet."""
        words = without_marks(sentence).strip()
        return (
            words.endswith(_QUESTION_MARKS)
            and not self._shown.released
            and self._shown.length == self._taken
            and self._checker.echoes(sentence=words)
        )

    def _verbatim(self, sentence: str) -> str:
        text = sentence[self._taken :]
        self._advance_shown(text)
        return text

    def _attached(self, sentence: str, words_end: int) -> str:
        words = sentence[:words_end]
        if sentence.rstrip().endswith(_QUESTION_MARKS) or not self._can_be_cited(words):
            # A row gets no mark, but an answer that is a table is one.
            self._shown.released |= words.lstrip().startswith("|") and self._checker.states_row(row=words)
            return self._verbatim(sentence)
        head = self._put(sentence[self._taken : words_end])
        marks = self._put_marks(self._not_declining(words, self._checker.best(sentence=words)))
        return head + marks + self._put(sentence[max(words_end, self._taken) :])

    def _can_be_cited(self, words: str) -> bool:
        stripped = words.strip()
        if stripped.startswith(_UNCITED_STARTS) or stripped.endswith((":", "：")):
            return False
        return len(terms_of(stripped)) >= _FEWEST_TERMS or any(character.isdigit() for character in stripped)

    def _checked(self, sentence: str, groups: Sequence[MarkGroup]) -> str:
        whole = _without(sentence, groups)
        shown, at, clause_start = "", self._taken, 0
        for group in groups:
            clause = sentence[clause_start : group.start]
            judged = clause if len(terms_of(clause)) >= _FEWEST_TERMS else whole
            numbers = self._not_declining(whole, self._right_numbers(judged, whole, group.numbers))
            before = sentence[at : group.start]
            shown += self._put(before if numbers else before.rstrip(" ")) + self._put_marks(numbers)
            at = clause_start = group.end
        return shown + self._put(sentence[at:])

    def _right_numbers(self, clause: str, whole: str, numbers: Sequence[int]) -> tuple[int, ...]:
        """Those of the model's numbers that hold; else the passages that do support the words; else none."""
        for words in dict.fromkeys((clause, whole)):
            kept = [n for n in numbers if self._checker.support(sentence=words, numbers=[n]).keeps]
            if kept:
                return tuple(kept)
            if len(numbers) > 1 and self._checker.supports_jointly(sentence=words, numbers=numbers):
                return tuple(numbers)
        return self._checker.best(sentence=clause) or self._checker.best(sentence=whole)

    def _not_declining(self, sentence: str, numbers: Sequence[int]) -> tuple[int, ...]:
        """Those whose passage has the words itself that would else say that nothing was found: "a receipt is not provided"."""
        phrases = declining_phrases(sentence)
        return tuple(n for n in numbers if all(self._checker.states(phrase=p, number=n) for p in phrases))

    def _put(self, text: str) -> str:
        self._advance_shown(text)
        return text

    def _put_marks(self, numbers: Sequence[int]) -> str:
        marks = ""
        for number in numbers:
            index = self._indexes.setdefault(number, len(self._indexes) + 1)
            mark = f"[{index}]"
            start = self._shown.length
            self._advance_shown(mark)
            self.citations.append(
                PlacedCitation(index=index, number=number, start=start, end=start + len(mark))
            )
            self._shown.released = True
            marks += mark
        return marks

    def _advance_shown(self, text: str) -> None:
        self._shown.length += len(text)

    def _released(self, ready: list[str]) -> str:
        self._shown.held += ready
        if not self._shown.released:
            return ""
        text = "".join(self._shown.held)
        self._shown.held.clear()
        return text

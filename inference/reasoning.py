"""Keep a model's reasoning apart from its answer.

Engines deliver reasoning in a field of its own, or in the text between tags, or in the text with the
opening tag missing because the chat template already wrote it (DeepSeek-R1). ``ReasoningSplitter`` does
the latter two on a stream cut anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

TAGS: tuple[tuple[str, str], ...] = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("◁think▷", "◁/think▷"),
)


_OPENERS = tuple(opening for opening, _ in TAGS)


@dataclass(frozen=True, slots=True)
class Split:
    """Text to append to each of the two."""

    content: str = ""
    reasoning: str = ""


class _Place(Enum):
    BEFORE = auto()
    REASONING = auto()
    BETWEEN = auto()
    ANSWER = auto()


class ReasoningSplitter:
    """Feed the text of a stream; the parts returned do not depend on how it was cut.

    One block of reasoning at most, and only at the beginning: a tag that appears later, in a code block for
    instance, is part of the answer. White space around the block belongs to neither side. A block that is
    never closed is reasoning to its end. With ``preopened`` the text begins inside the block.
    """

    def __init__(self, *, preopened: bool = False) -> None:
        self._preopened = preopened
        self._place = _Place.BEFORE
        self._closers: tuple[str, ...] = tuple(closing for _, closing in TAGS)
        self._text = ""
        self._emitted_reasoning = False

    @property
    def settled(self) -> bool:
        """The answer has begun: from here on ``feed`` gives back what it gets."""
        return self._place is _Place.ANSWER and not self._text

    def answer_follows(self) -> None:
        """The engine has put the reasoning into its own field: what comes now is the answer."""
        if self._place in (_Place.BEFORE, _Place.REASONING):
            self._place = _Place.BETWEEN

    def feed(self, text: str) -> Split:
        """What can be told apart so far; the rest is held until it can."""
        self._text += text
        return self._advance(final=False)

    def finish(self) -> Split:
        """What was held back, now that nothing follows."""
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> Split:
        reasoning = ""
        if self._place is _Place.BEFORE and not self._open(final=final):
            return Split()
        if self._place is _Place.REASONING:
            reasoning = self._take_reasoning(final=final)
        if self._place is _Place.BETWEEN:
            self._text = self._text.lstrip()
            if self._text:
                self._place = _Place.ANSWER
        if self._place is not _Place.ANSWER:
            return Split(reasoning=reasoning)
        content, self._text = self._text, ""
        return Split(content=content, reasoning=reasoning)

    def _open(self, *, final: bool) -> bool:
        """Decide what the beginning is; False while it could still become a tag."""
        start = self._text.lstrip()
        for opening, closing in TAGS:
            if start.startswith(opening):
                self._closers, self._text = (closing,), start.removeprefix(opening)
                self._place = _Place.REASONING
                return True
        if not final and any(opening.startswith(start) for opening, _ in TAGS):
            return False
        self._place = _Place.REASONING if self._preopened else _Place.ANSWER
        return True

    def _take_reasoning(self, *, final: bool) -> str:
        if not self._emitted_reasoning:
            self._text = self._text.lstrip()
        found = [(at, closer) for closer in self._closers if (at := self._text.find(closer)) >= 0]
        if found:
            at, closer = min(found)
            taken, self._text = self._text[:at].rstrip(), self._text[at + len(closer) :]
            self._place = _Place.BETWEEN
        elif final:
            taken, self._text = self._text.rstrip(), ""
        else:
            keep = self._possible_tail()
            taken, self._text = self._text[:keep], self._text[keep:]
        self._emitted_reasoning = self._emitted_reasoning or bool(taken)
        return taken

    def _possible_tail(self) -> int:
        """Where the text begins that may be the start of a closing tag, with the white space before it."""
        cut = len(self._text)
        for closer in self._closers:
            for length in range(min(len(closer) - 1, len(self._text)), 0, -1):
                if self._text.endswith(closer[:length]):
                    cut = min(cut, len(self._text) - length)
                    break
        return len(self._text[:cut].rstrip())


def may_reason(*, text: str, preopened: bool) -> bool:
    """Whether a whole text has reasoning to be taken out; False means that all of it is the answer."""
    return preopened or text.lstrip().startswith(_OPENERS)


def split_reasoning(*, text: str, preopened: bool = False) -> Split:
    """The whole of a text at once."""
    splitter = ReasoningSplitter(preopened=preopened)
    head, tail = splitter.feed(text), splitter.finish()
    return Split(content=head.content + tail.content, reasoning=head.reasoning + tail.reasoning)

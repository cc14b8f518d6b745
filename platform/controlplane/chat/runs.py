"""One answer on its way: what is known of it so far, and how that is told when it ends."""

import asyncio
import time
from dataclasses import dataclass, field
from uuid import UUID

from controlplane.chat.events import (
    CitedPassage,
    Finished,
    Timings,
    ToldChoice,
)
from controlplane.chat.models import MessageStatus
from controlplane.chat.questions import NO_USAGE, Outcome, ReceivedQuestion
from controlplane.chat.turns import Turn
from inference.client import Usage


@dataclass(slots=True)
class Run:
    """What is known so far of one answer."""

    received: ReceivedQuestion
    started: float
    model: str = ""
    standalone: str = ""
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    citations: tuple[CitedPassage, ...] = ()
    usage: Usage = NO_USAGE
    finish_reason: str = "stop"
    first_token_ms: int | None = None
    reasoned_from: float | None = None
    reasoned_until: float | None = None
    answer_begun: bool = False
    shown_documents: tuple[UUID, ...] = ()
    saving: "asyncio.Task[None] | None" = None
    turn: Turn = field(default_factory=Turn)
    choice: ToldChoice = field(default_factory=ToldChoice)

    @property
    def traced(self) -> bool:
        return self.received.trial is not None and self.received.trial.trace

    def milliseconds(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    def timings(self) -> Timings:
        return Timings(
            first_token_ms=self.first_token_ms,
            total_ms=self.milliseconds(),
            reasoning_ms=self._reasoning_ms(),
            queue_ms=self.turn.waited_ms,
        )

    def finished(self, *, reason: str = "") -> Finished:
        """`reason` where it is another one than the engine's."""
        return Finished(reason or self.finish_reason, self.usage, self.timings(), self.model, self.choice)

    def note_reasoning(self, *, reasoning: str, content: str) -> None:
        """It begins with the first word of reasoning and ends with the first one of the answer, or with its own last."""
        now = time.monotonic()
        if reasoning:
            self.reasoned_from = self.reasoned_from or now
            self.reasoned_until = now
        elif content and self.reasoned_from and not self.answer_begun:
            self.reasoned_until = now
        self.answer_begun = self.answer_begun or bool(content)

    def _reasoning_ms(self) -> int | None:
        if self.reasoned_from is None or self.reasoned_until is None:
            return None
        return round((self.reasoned_until - self.reasoned_from) * 1000)

    def note_token(self) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self.milliseconds()

    def outcome(self, status: MessageStatus, *, reason: str = "", content: str | None = None) -> Outcome:
        return Outcome(
            status=status,
            model=self.model,
            overflow_from=self.choice.overflow_from,
            content="".join(self.content) if content is None else content,
            reasoning="".join(self.reasoning),
            reason=reason,
            standalone_question=self.standalone if self.standalone != self.received.text else "",
            citations=self.citations,
            usage=self.usage,
            timings=self.timings(),
            shown_documents=self.shown_documents,
        )

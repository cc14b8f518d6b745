"""What happens while a question is answered, in this order:

Started, Retrieved?, (TracedSearch, TracedVerdict, TracedPrompt)?, Queued*, ReasoningDelta*, ContentDelta*, then one of
    Cited, Finished     an answer
    Refused, Finished   the documents do not hold it
    Failed              the question is kept
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from controlplane.core.problems import Problem
from controlplane.documents.search import FoundPassage
from inference.messages import Message, Usage
from rag.answering import RefusalReason


@dataclass(frozen=True, slots=True)
class Started:
    conversation_id: UUID
    question_id: UUID
    message_id: UUID
    model: str


@dataclass(frozen=True, slots=True)
class Retrieved:
    """`standalone_question` is what was searched for. `degraded` names the legs of the search that were missing."""

    standalone_question: str
    passages: int
    degraded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TracedSearch:
    """Only where a manager tries an assistant: what was searched for, and everything that was found, the best first."""

    question: str
    passages: tuple[FoundPassage, ...]
    degraded: tuple[str, ...]
    rewrite_ms: int
    search_ms: int


@dataclass(frozen=True, slots=True)
class TracedVerdict:
    """Whether the passages are enough to answer from. `judge` names the engine that was asked; empty for the scores alone."""

    sufficient: bool
    score: float
    reason: str
    judge: str
    judge_ms: int


@dataclass(frozen=True, slots=True)
class TracedPrompt:
    """What the engine is sent. `shown`: the places, from 1, of the passages that found room. `reads_instructions`: False
    where there are some, and the engine's model is too small to follow them beside the passages.
    """

    engine: str
    messages: tuple[Message, ...]
    shown: tuple[int, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    reads_instructions: bool = True


@dataclass(frozen=True, slots=True)
class Queued:
    """The engine is full: the place in the queue before it, from 1."""

    place: int


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ContentDelta:
    text: str


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """The mark `[index]` at `start`:`end` of the content, in characters, and where it leads: `page` to `page_end`."""

    index: int
    start: int
    end: int
    document_id: UUID
    passage_id: int
    title: str
    page: int | None
    section: str
    quote: str
    page_end: int | None = None


@dataclass(frozen=True, slots=True)
class Cited:
    citations: tuple[CitedPassage, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    reason: RefusalReason
    text: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the question came in; `reasoning_ms` is how long the model reasoned before it answered,
    `queue_ms` how long the question waited for its turn at the engine."""

    first_token_ms: int | None
    total_ms: int
    reasoning_ms: int | None = None
    queue_ms: int = 0


@dataclass(frozen=True, slots=True)
class ToldChoice:
    """How the engine was chosen. `route` and `reason`: for a question that left it open; `overflow_from`: who was asked, where
    another one stood in."""

    route: str = ""
    reason: str = ""
    overflow_from: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """`engine` names the deployment that answered; empty when none was asked."""

    finish_reason: str
    usage: Usage
    timings: Timings
    engine: str = ""
    choice: ToldChoice = ToldChoice()


@dataclass(frozen=True, slots=True)
class Failed:
    problem: Problem


Traced = TracedSearch | TracedVerdict | TracedPrompt
Event = (
    Started
    | Retrieved
    | Traced
    | Queued
    | ReasoningDelta
    | ContentDelta
    | Cited
    | Refused
    | Finished
    | Failed
)

"""What happens while a question is answered, in this order:

Started, Retrieved?, ReasoningDelta*, ContentDelta*, then one of
    Cited, Finished     an answer
    Refused, Finished   the documents do not hold it
    Failed              the question is kept
"""

from dataclasses import dataclass
from uuid import UUID

from controlplane.core.problems import Problem
from inference.messages import Usage
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
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ContentDelta:
    text: str


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """The mark `[index]` at `start`:`end` of the content, in characters, and where it leads."""

    index: int
    start: int
    end: int
    document_id: UUID
    passage_id: int
    title: str
    page: int | None
    section: str
    quote: str


@dataclass(frozen=True, slots=True)
class Cited:
    citations: tuple[CitedPassage, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    reason: RefusalReason
    text: str


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds since the question came in; `reasoning_ms` is how long the model reasoned before it answered."""

    first_token_ms: int | None
    total_ms: int
    reasoning_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """`engine` names the deployment that answered; empty when none was asked."""

    finish_reason: str
    usage: Usage
    timings: Timings
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    problem: Problem


Event = Started | Retrieved | ReasoningDelta | ContentDelta | Cited | Refused | Finished | Failed

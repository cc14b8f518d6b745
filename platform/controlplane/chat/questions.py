"""What is asked, and how it ended: what the answer service and those who keep it hand to each other."""

from dataclasses import dataclass
from uuid import UUID

from controlplane.chat.events import CitedPassage, Timings
from controlplane.chat.models import MessageStatus
from controlplane.identity.principal import Principal
from inference.messages import Usage
from rag.answering import Turn

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)
NOT_TIMED = Timings(first_token_ms=None, total_ms=0)


@dataclass(frozen=True, slots=True)
class Trial:
    """A manager tries an assistant: as it is, but for what is given here. `trace`: tell how the answer came about."""

    instructions: str | None = None
    knowledge_base_ids: tuple[UUID, ...] | None = None
    route: str | None = None
    top_k: int | None = None
    trace: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom. Either an assistant, or knowledge bases with a model; or an assistant narrowed to some bases.

    `turns` is the history as the client tells it; with `conversation_id` our own record counts instead. `regenerate` asks the
    last question of that conversation again, whatever `text` says. `trial` is answered and not kept.
    """

    principal: Principal
    text: str
    assistant_slug: str = ""
    knowledge_base_ids: tuple[UUID, ...] | None = None
    model: str = ""
    top_k: int | None = None
    conversation_id: UUID | None = None
    turns: tuple[Turn, ...] = ()
    instructions: str = ""
    user: str = ""
    regenerate: bool = False
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class ReceivedQuestion:
    """The question as it was stored, with all that is needed to answer it outside the transaction.

    `supersedes`: the answers that it has already, whose place the new one takes. `trial`: it was not stored, and its answer
    will not be.
    """

    principal: Principal
    text: str
    conversation_id: UUID
    question_id: UUID
    answer_id: UUID
    knowledge_base_ids: tuple[UUID, ...]
    knowledge_base_names: tuple[str, ...]
    route: str
    top_k: int
    instructions: str
    turns: tuple[Turn, ...]
    names_model: bool = False
    supersedes: tuple[UUID, ...] = ()
    trial: Trial | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `reason` is the code of a refusal or failure; `shown_documents` is whose passages the model was given."""

    status: MessageStatus
    model: str
    overflow_from: str = ""
    content: str = ""
    reasoning: str = ""
    reason: str = ""
    standalone_question: str = ""
    citations: tuple[CitedPassage, ...] = ()
    usage: Usage = NO_USAGE
    timings: Timings = NOT_TIMED
    shown_documents: tuple[UUID, ...] = ()

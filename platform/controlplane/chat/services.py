"""Writing conversations: the question before it is answered, the outcome after, each with its audit event."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.selectors import assistant_get, knowledge_base_ids
from controlplane.audit.services import record
from controlplane.chat.events import CitedPassage, Timings
from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.chat.selectors import conversation_get, conversation_of_history, turns_of
from controlplane.core.models import new_id
from controlplane.core.problems import InvalidInput, not_found
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from inference.messages import Usage
from rag.answering import Turn

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)
NOT_TIMED = Timings(first_token_ms=None, total_ms=0)
DEFAULT_TOP_K = 6
DEFAULT_ROUTE = "chat"
_TITLE_CHARACTERS = 60
_ACTIONS = {
    MessageStatus.ANSWERED: "answer.given",
    MessageStatus.REFUSED: "answer.refused",
    MessageStatus.STOPPED: "answer.stopped",
    MessageStatus.FAILED: "answer.failed",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom. Either an assistant, or knowledge bases with a model; or an assistant narrowed to some bases.

    `turns` is the history as the client tells it; with `conversation_id` our own record counts instead.
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


@dataclass(frozen=True, slots=True)
class ReceivedQuestion:
    """The question as it was stored, with all that is needed to answer it outside the transaction."""

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `reason` is the code of a refusal or failure."""

    status: MessageStatus
    model: str
    content: str = ""
    reasoning: str = ""
    reason: str = ""
    standalone_question: str = ""
    citations: tuple[CitedPassage, ...] = ()
    usage: Usage = NO_USAGE
    timings: Timings = NOT_TIMED


@transaction.atomic
def question_receive(*, question: Question) -> ReceivedQuestion:
    """Store the question, before anything can go wrong with its answer.

    Raises NotFound for an assistant, a knowledge base or a conversation that the principal cannot see.
    """
    principal = question.principal
    assistant = (
        assistant_get(principal=principal, slug=question.assistant_slug) if question.assistant_slug else None
    )
    bases = _bases(
        principal, question.knowledge_base_ids, knowledge_base_ids(assistant=assistant) if assistant else []
    )
    conversation = _conversation(question, assistant.pk if assistant else None)
    # Read before the new question joins them.
    turns = turns_of(conversation=conversation) if question.conversation_id else question.turns
    message = Message.objects.create(
        tenant_id=principal.tenant,
        conversation=conversation,
        role=MessageRole.QUESTION,
        status=MessageStatus.RECEIVED,
        content=_storable(question.text),
    )
    received = ReceivedQuestion(
        principal=principal,
        text=question.text,
        conversation_id=conversation.pk,
        question_id=message.pk,
        answer_id=new_id(),
        knowledge_base_ids=tuple(bases),
        knowledge_base_names=tuple(bases.values()),
        route=question.model or (assistant.route if assistant else DEFAULT_ROUTE),
        top_k=question.top_k or (assistant.top_k if assistant else DEFAULT_TOP_K),
        instructions="\n".join(
            filter(None, [assistant.instructions if assistant else "", question.instructions])
        ),
        turns=turns,
        names_model=bool(question.model),
    )
    _record_question(question, received)
    return received


def _record_question(question: Question, received: ReceivedQuestion) -> None:
    record(
        tenant_id=received.principal.tenant,
        actor=received.principal.actor,
        action="question.asked",
        target=f"message:{received.question_id}",
        conversation=str(received.conversation_id),
        assistant=question.assistant_slug,
        knowledge_bases=[str(id_) for id_ in received.knowledge_base_ids],
        model=received.route,
        question=question.text,
    )


@transaction.atomic
def answer_save(*, received: ReceivedQuestion, outcome: Outcome) -> None:
    """Store how the question ended. A failure without a word of an answer leaves only the question, marked as failed.

    Of a conversation that was deleted meanwhile only the audit event remains.
    """
    tenant_id = received.principal.tenant
    # First, for its lock: from here on the conversation cannot be deleted.
    kept = Conversation.objects.filter(tenant_id=tenant_id, pk=received.conversation_id).update(
        updated_at=timezone.now()
    )
    Message.objects.filter(tenant_id=tenant_id, pk=received.question_id).update(
        status=outcome.status,
        reason=outcome.reason,
        standalone_question=_storable(outcome.standalone_question),
    )
    if kept and (outcome.content or outcome.reasoning or outcome.status == MessageStatus.ANSWERED):
        _store_answer(received, outcome)
    record(
        tenant_id=tenant_id,
        actor=received.principal.actor,
        action=_ACTIONS[outcome.status],
        target=f"message:{received.answer_id}",
        question=str(received.question_id),
        model=outcome.model,
        documents=list(dict.fromkeys(str(citation.document_id) for citation in outcome.citations)),
        prompt_tokens=outcome.usage.prompt_tokens,
        completion_tokens=outcome.usage.completion_tokens,
        **({"reason": outcome.reason} if outcome.reason else {}),
    )


def _store_answer(received: ReceivedQuestion, outcome: Outcome) -> None:
    tenant_id = received.principal.tenant
    message = Message.objects.create(
        id=received.answer_id,
        tenant_id=tenant_id,
        conversation_id=received.conversation_id,
        role=MessageRole.ANSWER,
        status=outcome.status,
        content=_storable(outcome.content),
        reasoning=_storable(outcome.reasoning),
        reason=outcome.reason,
        model=outcome.model[:100],
        prompt_tokens=outcome.usage.prompt_tokens,
        completion_tokens=outcome.usage.completion_tokens,
        first_token_ms=outcome.timings.first_token_ms,
        total_ms=outcome.timings.total_ms,
    )
    Citation.objects.bulk_create(
        Citation(
            tenant_id=tenant_id,
            message=message,
            index=citation.index,
            document_id=citation.document_id,
            passage_id=citation.passage_id,
            title=citation.title[:300],
            page=citation.page,
            section=citation.section,
            start=citation.start,
            end=citation.end,
        )
        for citation in outcome.citations
    )


@transaction.atomic
def conversation_rename(*, principal: Principal, conversation: Conversation, title: str) -> Conversation:
    conversation.title = title
    conversation.save(update_fields=["title", "updated_at"])
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="conversation.renamed",
        target=f"conversation:{conversation.pk}",
    )
    return conversation


@transaction.atomic
def conversation_delete(*, principal: Principal, conversation: Conversation) -> None:
    """With its messages and citations. The audit events of its questions stay."""
    id_ = conversation.pk
    conversation.delete()
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="conversation.deleted",
        target=f"conversation:{id_}",
    )


def _bases(principal: Principal, asked: Sequence[UUID] | None, own: Sequence[UUID]) -> dict[UUID, str]:
    """`{id: name}` of those to search: the ones asked for, or the assistant's."""
    wanted = list(dict.fromkeys(asked if asked is not None else own))
    found = dict(
        KnowledgeBase.objects.filter(tenant_id=principal.tenant, pk__in=wanted).values_list("id", "name")
    )
    for id_ in wanted:
        if id_ not in found:
            raise not_found(kind=_("knowledge base"), id=id_)
    return {id_: found[id_] for id_ in wanted}


def _conversation(question: Question, assistant_id: UUID | None) -> Conversation:
    principal = question.principal
    if question.conversation_id:
        conversation = conversation_get(principal=principal, conversation_id=question.conversation_id)
        if conversation.assistant_id != assistant_id:
            raise InvalidInput(
                code="other_assistant",
                field="karez.conversation_id",
                detail=_("This conversation was begun with another assistant."),
                remedy=_("Begin a new conversation by leaving the identifier out."),
            )
        return conversation
    user = _storable(question.user)
    found = conversation_of_history(
        principal=principal, assistant_id=assistant_id, turns=question.turns, user=user
    )
    return found or Conversation.objects.create(
        tenant_id=principal.tenant,
        actor=principal.actor,
        user=user,
        assistant_id=assistant_id,
        title=" ".join(_storable(question.text).split())[:_TITLE_CHARACTERS],
    )


def _storable(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\x00", "")

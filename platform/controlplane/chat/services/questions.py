"""A question before it is answered: stored, with its audit event, before anything can go wrong with its answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat, Left
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import assistant_to_ask, knowledge_base_ids
from controlplane.audit.services import record
from controlplane.chat.files import files_to_search
from controlplane.chat.models import Conversation, Message, MessageRole, MessageStatus
from controlplane.chat.questions import Question, ReceivedQuestion
from controlplane.chat.selectors import conversation_get, conversation_of_history, searchable, turns_of
from controlplane.chat.texts import storable, title_of
from controlplane.core.models import new_id
from controlplane.core.problems import Conflict, InvalidInput, not_found
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from rag.answering import Turn

DEFAULT_TOP_K = 6
DEFAULT_ROUTE = "chat"
_SEARCHED_OF_A_QUESTION = 1000
_SEARCHED_OF_A_CONVERSATION = 20_000


@transaction.atomic
def question_receive(*, question: Question) -> ReceivedQuestion:
    """Store the question, before anything can go wrong with its answer.

    Raises NotFound for an assistant, a knowledge base or a conversation that the principal cannot see, and Conflict for a
    question that cannot be asked again, or while a file of the conversation is not ready.
    """
    principal = question.principal
    assistant = (
        assistant_to_ask(principal=principal, slug=question.assistant_slug)
        if question.assistant_slug
        else None
    )
    bases = bases_to_search(
        principal, question.knowledge_base_ids, knowledge_base_ids(assistant=assistant) if assistant else []
    )
    conversation = _conversation(question, assistant)
    asked = _asked_again(conversation) if question.regenerate else _asked(question, conversation)
    bases |= files_to_search(conversation=conversation, question=asked.text)
    received = ReceivedQuestion(
        principal=principal,
        text=asked.text,
        conversation_id=conversation.pk,
        question_id=asked.message_id,
        answer_id=new_id(),
        knowledge_base_ids=tuple(bases),
        knowledge_base_names=tuple(bases.values()),
        route=question.model or (assistant.route if assistant else DEFAULT_ROUTE),
        top_k=question.top_k or (assistant.top_k if assistant else DEFAULT_TOP_K),
        instructions="\n".join(
            filter(None, [assistant.instructions if assistant else "", question.instructions])
        ),
        turns=asked.turns,
        names_model=bool(question.model),
        supersedes=asked.answers,
    )
    _record_question(question, received)
    return received


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question in its conversation: the turns before it, and the answers that it has."""

    message_id: UUID
    text: str
    turns: tuple[Turn, ...]
    answers: tuple[UUID, ...] = ()


def _asked(question: Question, conversation: Conversation) -> _Asked:
    # Read before the new question joins them.
    turns = turns_of(conversation=conversation) if question.conversation_id else question.turns
    text = storable(text=question.text)
    _note_question(conversation, text)
    message = Message.objects.create(
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        role=MessageRole.QUESTION,
        status=MessageStatus.RECEIVED,
        content=text,
    )
    return _Asked(message.pk, question.text, turns)


def _note_question(conversation: Conversation, text: str) -> None:
    """What the conversation is found by; the first question also names one that was begun without."""
    line = searchable(text=text[:_SEARCHED_OF_A_QUESTION])
    joined = Concat(F("searched"), Value(f"\n{line}"), output_field=TextField())
    title = {} if conversation.title else {"title": title_of(text=text)}
    Conversation.objects.filter(tenant_id=conversation.tenant_id, pk=conversation.pk).update(
        searched=Left(joined, _SEARCHED_OF_A_CONVERSATION), updated_at=timezone.now(), **title
    )


def _asked_again(conversation: Conversation) -> _Asked:
    """The last question, put back to where its answer is awaited. Its present answer stays until there is another one."""
    own = {"tenant_id": conversation.tenant_id}
    # Its lock comes first, as when an answer is saved: of two repetitions at once the second finds the first under way.
    held = Conversation.objects.select_for_update().get(**own, pk=conversation.pk)
    messages = Message.objects.filter(**own, conversation=held)
    last = messages.filter(role=MessageRole.QUESTION).order_by("-id").first()
    if last is None:
        raise Conflict(
            code="no_question",
            field="karez.regenerate",
            detail=_("Nothing has been asked in this conversation yet."),
            remedy=_("Ask a question first."),
        )
    given_up = timezone.now() - timedelta(seconds=settings.ENV.engine_whole_seconds)
    if last.status == MessageStatus.RECEIVED and held.updated_at > given_up:
        raise Conflict(
            code="still_answering",
            field="karez.regenerate",
            detail=_("The last question is still being answered."),
            remedy=_("Wait for the answer, or stop it."),
            retry_after=5,
        )
    answers = messages.filter(role=MessageRole.ANSWER, superseded_at=None, pk__gt=last.pk)
    turns = turns_of(conversation=held, before=last.pk)
    asked = _Asked(last.pk, last.content, turns, tuple(answers.values_list("pk", flat=True)))
    messages.filter(pk=last.pk).update(status=MessageStatus.RECEIVED, reason="")
    Conversation.objects.filter(**own, pk=held.pk).update(updated_at=timezone.now())
    return asked


def _record_question(question: Question, received: ReceivedQuestion) -> None:
    record(
        tenant_id=received.principal.tenant,
        actor=received.principal.actor,
        action="question.asked_again" if question.regenerate else "question.asked",
        target=f"message:{received.question_id}",
        conversation=str(received.conversation_id),
        assistant=question.assistant_slug,
        knowledge_bases=[str(id_) for id_ in received.knowledge_base_ids],
        model=received.route,
        question=received.text,
    )


def bases_to_search(
    principal: Principal, asked: Sequence[UUID] | None, own: Sequence[UUID]
) -> dict[UUID, str]:
    """`{id: name}` of those to search: the ones asked for, or the assistant's."""
    wanted = list(dict.fromkeys(asked if asked is not None else own))
    found = dict(
        KnowledgeBase.objects.filter(tenant_id=principal.tenant, pk__in=wanted).values_list("id", "name")
    )
    for id_ in wanted:
        if id_ not in found:
            raise not_found(kind=_("knowledge base"), id=id_)
    return {id_: found[id_] for id_ in wanted}


def _conversation(question: Question, assistant: Assistant | None) -> Conversation:
    principal, assistant_id = question.principal, assistant.pk if assistant else None
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
    user = storable(text=question.user)
    found = conversation_of_history(
        principal=principal, assistant_id=assistant_id, turns=question.turns, user=user
    )
    return found or Conversation.objects.create(
        tenant_id=principal.tenant,
        actor=principal.actor,
        user=user,
        assistant_id=assistant_id,
        department_id=assistant.department_id if assistant else None,
        title=title_of(text=storable(text=question.text)),
    )

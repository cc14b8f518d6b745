"""Writing conversations: the question before it is answered, the outcome after, each with its audit event."""

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
from controlplane.chat.events import CitedPassage, Timings
from controlplane.chat.files import conversation_lock, files_to_search
from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.chat.selectors import conversation_get, conversation_of_history, searchable, turns_of
from controlplane.core.models import new_id
from controlplane.core.problems import Conflict, InvalidInput, not_found
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.services.conversation_files import conversation_files_remove
from controlplane.identity.principal import Principal
from inference.messages import Usage
from rag.answering import Turn

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)
NOT_TIMED = Timings(first_token_ms=None, total_ms=0)
DEFAULT_TOP_K = 6
DEFAULT_ROUTE = "chat"
_TITLE_CHARACTERS = 60
_SEARCHED_OF_A_QUESTION = 1000
_SEARCHED_OF_A_CONVERSATION = 20_000
_ACTIONS = {
    MessageStatus.ANSWERED: "answer.given",
    MessageStatus.REFUSED: "answer.refused",
    MessageStatus.STOPPED: "answer.stopped",
    MessageStatus.FAILED: "answer.failed",
}


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
    content: str = ""
    reasoning: str = ""
    reason: str = ""
    standalone_question: str = ""
    citations: tuple[CitedPassage, ...] = ()
    usage: Usage = NO_USAGE
    timings: Timings = NOT_TIMED
    shown_documents: tuple[UUID, ...] = ()


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
    text = _storable(question.text)
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
    title = {} if conversation.title else {"title": _title(text)}
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


@transaction.atomic
def answer_save(*, received: ReceivedQuestion, outcome: Outcome) -> None:
    """Store how the question ended. A failure without a word of an answer leaves only the question, marked as failed; one that
    was asked again keeps the answer it had.

    Of a conversation that was deleted meanwhile only the audit event remains.
    """
    tenant_id = received.principal.tenant
    # First, for its lock: from here on the conversation cannot be deleted.
    kept = Conversation.objects.filter(tenant_id=tenant_id, pk=received.conversation_id).update(
        updated_at=timezone.now()
    )
    superseded: Sequence[UUID] = ()
    worded = outcome.content or outcome.reasoning or outcome.status == MessageStatus.ANSWERED
    came_to_nothing = not worded or outcome.status == MessageStatus.FAILED
    if not (came_to_nothing and _end_as_before(received)):
        _end_question(received, outcome)
        if kept and worded:
            superseded = _supersede(received)
            _store_answer(received, outcome)
    _record_answer(received, outcome, superseded)


def _end_question(received: ReceivedQuestion, outcome: Outcome) -> None:
    Message.objects.filter(tenant_id=received.principal.tenant, pk=received.question_id).update(
        status=outcome.status,
        reason=outcome.reason,
        standalone_question=_storable(outcome.standalone_question),
    )


def _end_as_before(received: ReceivedQuestion) -> bool:
    """A repetition that came to nothing leaves the question as its present answer left it; False where it has none."""
    own = Message.objects.filter(tenant_id=received.principal.tenant)
    present = own.filter(pk__in=received.supersedes, superseded_at=None).order_by("-id").first()
    if present is None:
        return False
    own.filter(pk=received.question_id).update(status=present.status, reason=present.reason)
    return True


def _supersede(received: ReceivedQuestion) -> list[UUID]:
    """Those that the new answer takes the place of: kept with their citations, and shown no more."""
    if not received.supersedes:
        return []
    present = Message.objects.filter(
        tenant_id=received.principal.tenant, pk__in=received.supersedes, superseded_at=None
    )
    ids = list(present.values_list("pk", flat=True))
    present.update(superseded_at=timezone.now())
    return ids


def _record_answer(received: ReceivedQuestion, outcome: Outcome, superseded: Sequence[UUID]) -> None:
    tenant_id, actor = received.principal.tenant, received.principal.actor
    for id_ in superseded:
        record(
            tenant_id=tenant_id,
            actor=actor,
            action="answer.superseded",
            target=f"message:{id_}",
            conversation=str(received.conversation_id),
            question=str(received.question_id),
            by=str(received.answer_id),
        )
    record(
        tenant_id=tenant_id,
        actor=actor,
        action=_ACTIONS[outcome.status],
        target=f"message:{received.answer_id}",
        conversation=str(received.conversation_id),
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
        reasoning_ms=outcome.timings.reasoning_ms,
        shown_documents=list(outcome.shown_documents),
        searched_bases=list(received.knowledge_base_ids),
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
def conversation_create(*, principal: Principal, assistant_slug: str) -> Conversation:
    """An empty one; its first question names it. Raises NotFound for an assistant that the principal cannot see."""
    assistant = assistant_to_ask(principal=principal, slug=assistant_slug)
    conversation = Conversation.objects.create(
        tenant_id=principal.tenant,
        actor=principal.actor,
        assistant=assistant,
        department_id=assistant.department_id,
    )
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="conversation.created",
        target=f"conversation:{conversation.pk}",
        assistant=assistant.slug,
    )
    return conversation


@transaction.atomic
def conversation_rename(*, principal: Principal, conversation: Conversation, title: str) -> Conversation:
    held = Conversation.objects.select_for_update().get(tenant_id=principal.tenant, pk=conversation.pk)
    _old, _end, questions = held.searched.partition("\n")
    conversation.title = title
    conversation.searched = f"{searchable(text=title)}\n{questions}"
    conversation.save(update_fields=["title", "searched", "updated_at"])
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="conversation.renamed",
        target=f"conversation:{conversation.pk}",
    )
    return conversation


@transaction.atomic
def conversation_delete(*, principal: Principal, conversation: Conversation) -> None:
    """With its messages, citations and files. The audit events of its questions stay."""
    id_ = conversation.pk
    conversation_lock(conversation=conversation)
    files = conversation_files_remove(tenant_id=principal.tenant, conversation_id=id_)
    conversation.delete()
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="conversation.deleted",
        target=f"conversation:{id_}",
        files=files,
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
    user = _storable(question.user)
    found = conversation_of_history(
        principal=principal, assistant_id=assistant_id, turns=question.turns, user=user
    )
    return found or Conversation.objects.create(
        tenant_id=principal.tenant,
        actor=principal.actor,
        user=user,
        assistant_id=assistant_id,
        department_id=assistant.department_id if assistant else None,
        title=_title(_storable(question.text)),
    )


def _title(text: str) -> str:
    """The beginning of the question, cut where a word ends; Chinese has no such place."""
    whole = " ".join(text.split())
    if len(whole) <= _TITLE_CHARACTERS:
        return whole
    cut = whole[: _TITLE_CHARACTERS - 1]
    if whole[_TITLE_CHARACTERS - 1].isascii() and whole[_TITLE_CHARACTERS - 1].isalnum():
        cut = cut[: cut.rfind(" ")] if " " in cut[_TITLE_CHARACTERS // 2 :] else cut
    return cut.rstrip() + "…"


def _storable(text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\x00", "")

"""How a question ended: its answer and its audit event."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.chat.questions import Outcome, ReceivedQuestion
from controlplane.chat.texts import storable

_ACTIONS = {
    MessageStatus.ANSWERED: "answer.given",
    MessageStatus.REFUSED: "answer.refused",
    MessageStatus.STOPPED: "answer.stopped",
    MessageStatus.FAILED: "answer.failed",
}


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
        standalone_question=storable(text=outcome.standalone_question),
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
        content=storable(text=outcome.content),
        reasoning=storable(text=outcome.reasoning),
        reason=outcome.reason,
        model=outcome.model[:100],
        overflow_from=outcome.overflow_from[:100],
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

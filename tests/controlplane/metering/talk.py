"""Conversations at a time of the test's choosing, written as the services leave them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from controlplane.assistants.models import Assistant
from controlplane.chat.models import Citation, Conversation, Feedback, Message
from controlplane.core.models import first_id
from controlplane.core.scope import tenant_scope


def id_at(moment: datetime) -> UUID:
    return UUID(int=first_id(at=moment).int + (uuid4().int >> 52))


@dataclass(frozen=True, slots=True)
class Talk:
    conversation: Conversation
    question: Message
    answer: Message | None


def ask(
    *,
    assistant: Assistant | None,
    tenant_id: UUID,
    at: datetime,
    actor: str = "user:1",
    status: str = "answered",
    reason: str = "",
    cited: bool = False,
    rating: str = "",
    model: str = "r1",
    first_token_ms: int = 700,
    total_ms: int = 4000,
) -> Talk:
    """One question with its answer; a failed one has none."""
    own = {"tenant_id": tenant_id}
    with tenant_scope(tenant_id):
        conversation = Conversation.objects.create(
            **own,
            id=id_at(at),
            actor=actor,
            assistant=assistant,
            department_id=assistant.department_id if assistant else None,
        )
        question = Message.objects.create(
            **own, id=id_at(at), conversation=conversation, role="question", status=status, reason=reason
        )
        answer = None
        if status != "failed":
            answer = reply(conversation, at, status, model, first_token_ms, total_ms)
        if answer and cited:
            Citation.objects.create(
                **own, message=answer, index=1, document_id=uuid4(), passage_id=1, title="t", start=0, end=3
            )
        if answer and rating:
            rate(answer, actor, rating, at)
    return Talk(conversation, question, answer)


def reply(
    conversation: Conversation, at: datetime, status: str = "answered", model: str = "r1",
    first_token_ms: int = 700, total_ms: int = 4000,
) -> Message:  # fmt: skip
    return Message.objects.create(
        id=UUID(int=id_at(at).int + (1 << 80)),  # a millisecond after its question
        tenant_id=conversation.tenant_id,
        conversation=conversation,
        role="answer",
        status=status,
        model=model,
        prompt_tokens=100,
        completion_tokens=10,
        first_token_ms=first_token_ms,
        total_ms=total_ms,
    )


def rate(answer: Message, actor: str, rating: str, at: datetime) -> None:
    Feedback.objects.create(
        tenant_id=answer.tenant_id,
        message=answer,
        conversation_id=answer.conversation_id,
        department_id=answer.conversation.department_id,
        actor=actor,
        rating=rating,
        updated_at=at,
    )

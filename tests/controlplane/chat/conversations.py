"""Conversations made without asking anybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone
from rest_framework.test import APIClient

from controlplane.assistants.models import Assistant
from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import Document, Passage
from controlplane.identity.models import User
from tests.controlplane.identity.test_sessions import signed_in


@dataclass(frozen=True, slots=True)
class Held:
    """A conversation of one question and its answer."""

    conversation: Conversation
    question: Message
    answer: Message

    @property
    def review(self) -> str:
        return f"/api/v1/reviews/conversations/{self.conversation.pk}"

    @property
    def feedback(self) -> str:
        return f"/api/v1/messages/{self.answer.pk}/feedback"


def hold(
    *,
    asker: User,
    assistant: Assistant,
    question: str = "抵押率最高不超过多少？",
    status: str = MessageStatus.ANSWERED,
    cites: Sequence[UUID] = (),
    shown: Sequence[UUID] | None = None,
) -> Held:
    """`cites`: documents of one passage each; `shown`: what the model was given, else just those."""
    own = {"tenant_id": assistant.tenant_id}
    with tenant_scope(assistant.tenant_id):
        conversation = Conversation.objects.create(
            **own,
            actor=f"user:{asker.pk}",
            assistant=assistant,
            department_id=assistant.department_id,
            title=question,
            searched="\n" + question.lower(),
        )
        asked = Message.objects.create(
            **own, conversation=conversation, role=MessageRole.QUESTION, status=status, content=question
        )
        answer = add_answer(conversation, status=status, cites=cites, shown=shown)
    return Held(conversation, asked, answer)


def add_answer(
    conversation: Conversation,
    *,
    status: str = MessageStatus.ANSWERED,
    cites: Sequence[UUID] = (),
    shown: Sequence[UUID] | None = None,
) -> Message:
    own = {"tenant_id": conversation.tenant_id}
    answer = Message.objects.create(
        **own,
        conversation=conversation,
        role=MessageRole.ANSWER,
        status=status,
        content="最高不超过70%[1]。",
        reasoning="查第十二条。",
        shown_documents=list(cites if shown is None else shown),
    )
    for document in Document.objects.filter(pk__in=cites):
        passage = Passage.objects.get(document=document)
        Citation.objects.create(
            **own,
            message=answer,
            index=1,
            document_id=document.pk,
            passage_id=passage.pk,
            title=document.title,
            start=8,
            end=11,
        )
    return answer


def supersede(answer: Message) -> None:
    with tenant_scope(answer.tenant_id):
        Message.objects.filter(pk=answer.pk).update(superseded_at=timezone.now())


def client(user: User) -> APIClient:
    return signed_in(user)

"""Reading conversations. Row-level security shows each only to the one who asked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.chat.models import Citation, Conversation, Message, MessageRole, MessageStatus
from controlplane.core.problems import not_found
from controlplane.documents.models import Passage
from controlplane.identity.principal import Principal
from rag.answering import Turn

_TURNS = 6
_CONTINUED_WITHIN = timedelta(days=1)
_CONTINUED_AMONG = 20


@dataclass(frozen=True, slots=True)
class CitationView:
    """`quote` is the passage as the reader may see it now: None when it was deleted, replaced or is no longer readable."""

    citation: Citation
    quote: str | None


@dataclass(frozen=True, slots=True)
class MessageView:
    message: Message
    citations: tuple[CitationView, ...]


def conversation_list(*, principal: Principal) -> QuerySet[Conversation]:
    return Conversation.objects.filter(tenant_id=principal.tenant, actor=principal.actor).select_related(
        "assistant"
    )


def conversation_get(*, principal: Principal, conversation_id: UUID) -> Conversation:
    found = conversation_list(principal=principal).filter(pk=conversation_id).first()
    if found is None:
        raise not_found(kind=_("conversation"), id=conversation_id)
    return found


def message_views(*, conversation: Conversation) -> list[MessageView]:
    """The messages in order, each with its citations and what they lead to."""
    messages = list(
        Message.objects.filter(tenant_id=conversation.tenant_id, conversation=conversation).order_by("id")
    )
    citations = Citation.objects.filter(
        tenant_id=conversation.tenant_id, message__in=[message.pk for message in messages]
    ).order_by("start")
    quotes = _quotes(conversation.tenant_id, citations)
    by_message: dict[UUID, list[CitationView]] = {}
    for citation in citations:
        view = CitationView(citation=citation, quote=quotes.get((citation.document_id, citation.passage_id)))
        by_message.setdefault(citation.message_id, []).append(view)
    return [MessageView(message, tuple(by_message.get(message.pk, ()))) for message in messages]


def _quotes(tenant_id: UUID, citations: Iterable[Citation]) -> dict[tuple[UUID, int], str]:
    passages = Passage.objects.filter(
        tenant_id=tenant_id, pk__in={citation.passage_id for citation in citations}
    )
    return {
        (document_id, id_): text
        for id_, document_id, text in passages.values_list("id", "document_id", "text")
    }


def turns_of(*, conversation: Conversation) -> tuple[Turn, ...]:
    """The last questions of a conversation with the answers they got, oldest first. What failed is left out."""
    newest = Message.objects.filter(tenant_id=conversation.tenant_id, conversation=conversation).order_by(
        "-id"
    )
    turns: list[Turn] = []
    question = ""
    for message in reversed(newest[: 2 * _TURNS]):
        if message.role == MessageRole.QUESTION:
            question = message.standalone_question or message.content
        elif question and message.status in (MessageStatus.ANSWERED, MessageStatus.REFUSED):
            turns.append(Turn(question=question, answer=message.content))
            question = ""
    return tuple(turns)


def conversation_of_history(
    *, principal: Principal, assistant_id: UUID | None, turns: Sequence[Turn], user: str
) -> Conversation | None:
    """The user's recent conversation whose last turn is the last one of `turns`; None where several have it.

    A client of the OpenAI protocol sends the history and no identifier; this keeps its turns together. People who share a
    key ask the same things: rather a new conversation than somebody else's.
    """
    if not turns or not turns[-1].answer:
        return None
    own = Q(assistant_id=assistant_id) if assistant_id else Q(assistant=None)
    recent = conversation_list(principal=principal).filter(
        own, user=user, updated_at__gte=timezone.now() - _CONTINUED_WITHIN
    )
    fitting: list[Conversation] = []
    for conversation in recent.order_by("-updated_at")[:_CONTINUED_AMONG]:
        last = Message.objects.filter(tenant_id=conversation.tenant_id, conversation=conversation).order_by(
            "-id"
        )[:2]
        contents = [(message.role, message.content.strip()) for message in last]
        if contents == [
            (MessageRole.ANSWER, turns[-1].answer.strip()),
            (MessageRole.QUESTION, turns[-1].question.strip()),
        ]:
            fitting.append(conversation)
    return fitting[0] if len(fitting) == 1 else None

"""Reading one's own conversations. (Row-level security shows them to their reviewers too: `chat.reviews`.)"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant
from controlplane.chat.models import (
    Citation,
    Conversation,
    Feedback,
    FeedbackResolution,
    FeedbackStatus,
    Message,
    MessageRole,
    MessageStatus,
)
from controlplane.core.problems import not_found
from controlplane.documents.models import Passage
from controlplane.identity.principal import Principal
from rag.answering import Turn
from rag.text import normalise

LONGEST_SEARCH = 200
_TURNS = 6
_CONTINUED_WITHIN = timedelta(days=1)
_CONTINUED_AMONG = 20


@dataclass(frozen=True, slots=True)
class CitationView:
    """`quote` is the passage as the reader may see it now: None when it was deleted, replaced or is no longer readable.
    So is `page_end`, where a passage that begins on the citation's page ends.
    """

    citation: Citation
    quote: str | None
    page_end: int | None = None


@dataclass(frozen=True, slots=True)
class MessageView:
    """`feedback` is the asker's. `withheld`: the reader may not read what it rests on, and sees none of its text."""

    message: Message
    citations: tuple[CitationView, ...]
    feedback: Feedback | None = None
    withheld: bool = False


def searchable(*, text: str) -> str:
    """Text as conversations are searched by it: one spelling, one case, one line."""
    return " ".join(normalise(text).lower().split())


def matching(*, conversations: QuerySet[Conversation], q: str) -> QuerySet[Conversation]:
    """Those whose title or questions hold the text; all of them for an empty one."""
    wanted = searchable(text=q[:LONGEST_SEARCH])
    return conversations.filter(searched__contains=wanted) if wanted else conversations


def conversation_list(*, principal: Principal, q: str = "") -> QuerySet[Conversation]:
    own = Conversation.objects.filter(tenant_id=principal.tenant, actor=principal.actor)
    return matching(conversations=own, q=q).select_related("assistant").defer("searched")


def conversation_count(*, assistant: Assistant) -> int:
    """How many were held with it, as far as the scope shows them."""
    return Conversation.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant).count()


def conversation_get(*, principal: Principal, conversation_id: UUID) -> Conversation:
    found = conversation_list(principal=principal).filter(pk=conversation_id).first()
    if found is None:
        raise not_found(kind=_("conversation"), id=conversation_id)
    return found


def shown_messages(*, conversation: Conversation) -> QuerySet[Message]:
    """Without the answers that another one took the place of."""
    return Message.objects.filter(
        tenant_id=conversation.tenant_id, conversation=conversation, superseded_at=None
    )


def message_views(*, conversation: Conversation) -> list[MessageView]:
    """The messages in order, each with its citations, what they lead to, and the asker's feedback."""
    messages = list(shown_messages(conversation=conversation).order_by("id"))
    citations = Citation.objects.filter(
        tenant_id=conversation.tenant_id, message__in=[message.pk for message in messages]
    ).order_by("start")
    quotes = _quotes(conversation.tenant_id, citations)
    by_message: dict[UUID, list[CitationView]] = {}
    for citation in citations:
        quote, page_end = quotes.get((citation.document_id, citation.passage_id), (None, None))
        view = CitationView(citation=citation, quote=quote, page_end=page_end)
        by_message.setdefault(citation.message_id, []).append(view)
    given = Feedback.objects.filter(
        tenant_id=conversation.tenant_id, conversation=conversation, actor=conversation.actor
    )
    feedback = {row.message_id: row for row in given}
    return [
        MessageView(message, tuple(by_message.get(message.pk, ())), feedback.get(message.pk))
        for message in messages
    ]


def _quotes(tenant_id: UUID, citations: Iterable[Citation]) -> dict[tuple[UUID, int], tuple[str, int | None]]:
    passages = Passage.objects.filter(
        tenant_id=tenant_id, pk__in={citation.passage_id for citation in citations}
    )
    return {
        (document_id, id_): (text, page_end)
        for id_, document_id, text, page_end in passages.values_list("id", "document_id", "text", "page_end")
    }


def turns_of(*, conversation: Conversation, before: UUID | None = None) -> tuple[Turn, ...]:
    """The last questions of a conversation with the answers they got, oldest first. What failed is left out.

    `before` names a message: only what came before it counts.
    """
    newest = shown_messages(conversation=conversation).order_by("-id")
    if before is not None:
        newest = newest.filter(pk__lt=before)
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
        last = shown_messages(conversation=conversation).order_by("-id")[:2]
        contents = [(message.role, message.content.strip()) for message in last]
        if contents == [
            (MessageRole.ANSWER, turns[-1].answer.strip()),
            (MessageRole.QUESTION, turns[-1].question.strip()),
        ]:
            fitting.append(conversation)
    return fitting[0] if len(fitting) == 1 else None


def feedback_list(*, principal: Principal, status: str = "", rating: str = "") -> QuerySet[Feedback]:
    """That of the departments which the principal looks after, with `question` and `resolved`."""
    decided = FeedbackResolution.objects.filter(
        tenant_id=principal.tenant,
        feedback=OuterRef("pk"),
        status=FeedbackStatus.RESOLVED,
        decided_at__gte=OuterRef("updated_at"),  # what was changed since is open again
    )
    question = Message.objects.filter(
        tenant_id=principal.tenant,
        conversation=OuterRef("conversation_id"),
        role=MessageRole.QUESTION,
        pk__lt=OuterRef("message_id"),
    ).order_by("-id")
    found = (
        Feedback.objects.filter(
            tenant_id=principal.tenant, department_id__in=sorted(principal.review_departments)
        )
        .select_related("conversation__assistant", "department")
        .defer("conversation__searched")
        .prefetch_related("resolutions")
        .annotate(resolved=Exists(decided), question=Subquery(question.values("content")[:1]))
    )
    if status:
        found = found.filter(resolved=status == FeedbackStatus.RESOLVED)
    return found.filter(rating=rating) if rating else found


def feedback_get(*, principal: Principal, feedback_id: UUID) -> Feedback:
    """Raises NotFound, also for that of a department which the principal does not look after."""
    feedback = feedback_list(principal=principal).filter(pk=feedback_id).first()
    if feedback is None:
        raise not_found(kind=_("feedback"), id=feedback_id)
    return feedback

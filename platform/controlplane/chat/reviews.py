"""Reading along: the conversations held with the assistants of the departments that somebody looks after.

The database shows them (`app.reviews`), and lets a reviewer change none of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.chat.models import Conversation, Message, MessageRole, MessageStatus
from controlplane.chat.selectors import MessageView, matching, message_views
from controlplane.core.days import begin_of
from controlplane.core.models import first_id
from controlplane.core.problems import not_found
from controlplane.documents.models import Document, KnowledgeBase
from controlplane.identity.principal import Principal
from rag.answering import RefusalReason, language_of, refusal_text

# Ids are made by the clocks of several machines, a little before the rows are.
_CLOCKS = timedelta(days=1)
_REFUSALS = frozenset(reason.value for reason in RefusalReason)


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """`status`: of any question of the conversation. `since` and `until`: the days it began on, both included."""

    assistant: str = ""
    actor: str = ""
    status: str = ""
    since: date | None = None
    until: date | None = None
    q: str = ""


@dataclass(frozen=True, slots=True)
class ReviewedConversation:
    conversation: Conversation
    messages: tuple[MessageView, ...]


def reviewed_conversation_list(
    *, principal: Principal, filters: ReviewFilters | None = None
) -> QuerySet[Conversation]:
    """Those of the principal's departments, each with the status of its last question in `last_status`."""
    asked = filters or ReviewFilters()
    found = matching(conversations=_reviewed(principal), q=asked.q)
    if asked.assistant:
        found = found.filter(assistant__slug=asked.assistant)
    if asked.actor:
        found = found.filter(actor=asked.actor)
    found = _between(found, asked.since, asked.until)
    questions = Message.objects.filter(
        tenant_id=principal.tenant, conversation=OuterRef("pk"), role=MessageRole.QUESTION
    )
    if asked.status:
        found = found.filter(Exists(questions.filter(status=asked.status)))
    return found.annotate(last_status=Subquery(questions.order_by("-id").values("status")[:1]))


@transaction.atomic
def reviewed_conversation_get(*, principal: Principal, conversation_id: UUID) -> ReviewedConversation:
    """As the reviewer may read it. That it was opened is recorded, unless it is the reviewer's own. Raises NotFound."""
    conversation = _reviewed(principal).filter(pk=conversation_id).first()
    if conversation is None:
        raise not_found(kind=_("conversation"), id=conversation_id)
    messages = tuple(_as_readable(principal, message_views(conversation=conversation)))
    if conversation.actor != principal.actor:
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action="conversation.reviewed",
            target=f"conversation:{conversation.pk}",
            of=conversation.actor,
            withheld=[str(view.message.pk) for view in messages if view.withheld],
        )
    return ReviewedConversation(conversation, messages)


def _reviewed(principal: Principal) -> QuerySet[Conversation]:
    return (
        Conversation.objects.filter(
            tenant_id=principal.tenant, department_id__in=sorted(principal.review_departments)
        )
        .select_related("assistant", "department")
        .defer("searched")
    )


def _between(found: QuerySet[Conversation], since: date | None, until: date | None) -> QuerySet[Conversation]:
    """By the id as well, in whose order the list is read: it then begins and ends where the days do."""
    if since:
        begin = begin_of(since)
        found = found.filter(created_at__gte=begin, pk__gte=first_id(at=begin - _CLOCKS))
    if until:
        end = begin_of(until) + timedelta(days=1)
        found = found.filter(created_at__lt=end, pk__lt=first_id(at=end + _CLOCKS))
    return found


def _as_readable(principal: Principal, views: Sequence[MessageView]) -> list[MessageView]:
    """Without the text of answers that cite what the reviewer may not read, or what is not there any more to tell by.

    A line that cites nothing, such as a table's, may rest on any document that the model was shown.
    A model reasons about all that it was given, so its reasoning takes more: every document that it was shown. And what
    comes after an answer that is withheld, or a refusal that named more, may go back to it: there the reasoning and the
    rewritten question go as well.
    """
    readable = _readable(principal, views)
    shown: list[MessageView] = []
    hidden_before = False
    for view, renamed in _naming_visible_bases(principal, views):
        message = view.message
        known = message.shown_documents is not None and readable.issuperset(message.shown_documents)
        cites_unreadable = any(c.citation.document_id not in readable for c in view.citations)
        withheld = view.withheld or cites_unreadable or (not known and _says_more(view))
        if withheld:
            message.content, view = "", replace(view, withheld=True, citations=())
        if withheld or hidden_before or not known:
            message.reasoning = ""
        if hidden_before:
            message.standalone_question = ""
        hidden_before = hidden_before or withheld or renamed
        shown.append(view)
    return shown


def _naming_visible_bases(
    principal: Principal, views: Sequence[MessageView]
) -> Iterator[tuple[MessageView, bool]]:
    """Each of them, and whether it is a refusal that named a knowledge base which the reviewer may not see: then it is put
    into words again, without that name. One from before it was noted what was searched names none.
    """
    ids = {id_ for view in views for id_ in view.message.searched_bases or ()}
    bases = KnowledgeBase.objects.filter(tenant_id=principal.tenant, pk__in=ids, owner="")
    names = dict(bases.values_list("pk", "name"))
    asked = ""
    for view in views:
        message = view.message
        if message.role == MessageRole.QUESTION:
            asked = message.content
        searched = message.searched_bases
        refused = message.role == MessageRole.ANSWER and message.status == MessageStatus.REFUSED
        if not refused or (searched is not None and names.keys() >= set(searched)):
            yield view, False
        elif message.reason not in _REFUSALS:
            yield replace(view, withheld=True), True
        else:
            before, message.content = message.content, _refusal_again(message, asked, names)
            yield view, message.content != before


def _refusal_again(message: Message, asked: str, names: Mapping[UUID, str]) -> str:
    visible = [names[id_] for id_ in message.searched_bases or () if id_ in names]
    return refusal_text(reason=RefusalReason(message.reason), language=language_of(asked), searched=visible)


def _says_more(view: MessageView) -> bool:
    """Whether an answer has a line without a citation. A refusal says nothing of any document."""
    if view.message.role != MessageRole.ANSWER or view.message.status == MessageStatus.REFUSED:
        return False
    begin = 0
    for line in view.message.content.split("\n"):
        end = begin + len(line)
        if line.strip() and not any(begin <= c.citation.start <= end for c in view.citations):
            return True
        begin = end + 1
    return False


def _readable(principal: Principal, views: Sequence[MessageView]) -> set[UUID]:
    """Of the documents that the answers rest on, those that the reviewer may read now."""
    ids = {c.citation.document_id for view in views for c in view.citations}
    for view in views:
        ids.update(view.message.shown_documents or ())
    documents = Document.objects.filter(tenant_id=principal.tenant, pk__in=ids)
    return set(documents.values_list("pk", flat=True))

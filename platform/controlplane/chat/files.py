"""The files of a conversation: attached by the one who asks, searched by the questions of this conversation alone."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.chat.models import Conversation
from controlplane.core.problems import Conflict, not_found
from controlplane.documents.models import Document
from controlplane.documents.selectors import attached_files, conversation_base, document_list
from controlplane.documents.services.conversation_files import (
    conversation_file_add,
    conversation_file_remove,
)
from controlplane.documents.services.documents import Received, Upload
from controlplane.identity.principal import Principal
from rag.answering import language_of

RETRY_SECONDS = 3
# Part of an answer's text, so in the language of the question.
_NAMES = {"zh": "本会话所附文件", "en": "the files attached to this conversation"}


def conversation_lock(*, conversation: Conversation) -> None:
    """Until the commit, nobody else attaches files to the conversation or deletes it. First of all locks. Raises NotFound."""
    rows = Conversation.objects.select_for_update(no_key=True, of=("self",))
    if rows.filter(tenant_id=conversation.tenant_id, pk=conversation.pk).first() is None:
        raise not_found(kind=_("conversation"), id=conversation.pk)


@transaction.atomic
def file_attach(*, principal: Principal, conversation: Conversation, upload: Upload) -> Received:
    """Raises Conflict for a conversation without an assistant, and what `conversation_file_add` raises."""
    conversation_lock(conversation=conversation)
    assistant = conversation.assistant
    if assistant is None or not principal.clearances:
        raise Conflict(
            code="conversation_without_assistant",
            detail=_("Files belong to conversations with an assistant that you may use."),
            remedy=_("Begin a conversation with an assistant, and attach the file there."),
        )
    return conversation_file_add(
        principal=principal,
        conversation_id=conversation.pk,
        department_id=_keeper(principal, assistant.department_id),
        upload=upload,
    )


def _keeper(principal: Principal, department_id: UUID) -> UUID:
    """The department that keeps the file: the assistant's, or one of their own for somebody who may only ask it."""
    own = principal.clearances
    return department_id if department_id in own else min(own, key=lambda id_: (-own[id_], id_))


@transaction.atomic
def file_detach(*, principal: Principal, conversation: Conversation, document_id: UUID) -> None:
    """Raises NotFound."""
    conversation_lock(conversation=conversation)
    conversation_file_remove(principal=principal, conversation_id=conversation.pk, document_id=document_id)


def file_list(*, conversation: Conversation) -> QuerySet[Document]:
    """With the versions that matter, as `document_list`."""
    tenant_id = conversation.tenant_id
    base = conversation_base(tenant_id=tenant_id, conversation_id=conversation.pk)
    if base is None:
        return Document.objects.none()
    return document_list(tenant_id=tenant_id, base_id=base.pk)


def files_to_search(*, conversation: Conversation, question: str) -> dict[UUID, str]:
    """`{knowledge base: what to call it}`, empty without files that can be searched. Not by the files' names: a refusal that
    says what was searched is read by those who review the conversation, and they don't see the files.

    Raises Conflict while a file is being indexed: an answer that left it out would look as if it had nothing to say.
    """
    files = attached_files(tenant_id=conversation.tenant_id, conversation_id=conversation.pk)
    if files is None:
        return {}
    if files.pending:
        raise Conflict(
            code="file_not_ready",
            field="karez.conversation_id",
            detail=_("The file “%(name)s” is still being read.") % {"name": files.pending[0]},
            remedy=_("Ask again in a moment, or remove the file."),
            retry_after=RETRY_SECONDS,
            files=list(files.pending),
        )
    return {files.base_id: _NAMES[language_of(question)]} if files.is_searchable else {}

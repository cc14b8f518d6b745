"""Conversations of one's own: begun empty, renamed, deleted."""

from django.db import transaction

from controlplane.assistants.selectors import assistant_to_ask
from controlplane.audit.services import record
from controlplane.chat.files import conversation_lock
from controlplane.chat.models import Conversation
from controlplane.chat.selectors import searchable
from controlplane.documents.services.conversation_files import conversation_files_remove
from controlplane.identity.principal import Principal


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

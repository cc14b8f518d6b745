"""Files that somebody attached to a conversation: a knowledge base of their own, which row-level security shows to them alone.

Nobody needs the right to write in the department for it. Callers have made sure that the conversation is the principal's, and
hold its row: uploads and the deletion of the conversation go one after the other.
"""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Conflict, not_found
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.embedding import space_for_new_base
from controlplane.documents.filenames import clean_filename
from controlplane.documents.models import Document, KnowledgeBase, Version
from controlplane.documents.selectors import conversation_base
from controlplane.documents.services.deletion import documents_delete
from controlplane.documents.services.documents import (
    Received,
    Upload,
    document_receive,
    document_remove,
)
from controlplane.documents.uploads import too_large
from controlplane.identity.principal import Principal

# Of one file. Each is kept, so that answers from it can be opened.
MOST_VERSIONS = 20


@transaction.atomic
def conversation_file_add(
    *, principal: Principal, conversation_id: UUID, department_id: UUID, upload: Upload
) -> Received:
    """Keep the file and have it indexed, as any document. `department_id`: one that the principal reads.

    Raises TooLarge, Conflict (too many files or versions), InvalidInput (empty), UnsupportedMedia, Unavailable.
    """
    if upload.size > settings.ENV.conversation_file_bytes:
        raise too_large(settings.ENV.conversation_file_bytes)
    base = conversation_base(tenant_id=principal.tenant, conversation_id=conversation_id)
    if base is None:
        base = _make_base(principal, conversation_id, department_id)
    filename = clean_filename(upload.filename)
    _check_count(base, filename)
    _check_versions(base, filename, upload)
    return document_receive(principal=principal, base=base, upload=upload)


def _make_base(principal: Principal, conversation_id: UUID, department_id: UUID) -> KnowledgeBase:
    # No higher than the owner is cleared for: a file that its owner cannot read is of use to nobody.
    cleared = principal.clearances.get(department_id, Secrecy.PUBLIC)
    return KnowledgeBase.objects.create(
        tenant_id=principal.tenant,
        name=f"conversation {conversation_id}",
        department_id=department_id,
        secrecy=min(Secrecy.INTERNAL, cleared),
        space=space_for_new_base(tenant_id=principal.tenant),
        owner=principal.actor,
        conversation=conversation_id,
    )


def _check_count(base: KnowledgeBase, filename: str) -> None:
    """A new version of a file that is there takes no further place."""
    limit = settings.ENV.conversation_files
    files = Document.objects.filter(tenant_id=base.tenant_id, knowledge_base=base)
    if files.count() >= limit and not files.filter(filename=filename).exists():
        raise Conflict(
            code="too_many_files",
            field="file",
            detail=_("A conversation takes at most %(limit)s files.") % {"limit": limit},
            remedy=_("Remove one of the files, or begin a new conversation."),
            limit=limit,
        )


def _check_versions(base: KnowledgeBase, filename: str, upload: Upload) -> None:
    """The same content again is no further version."""
    own = Version.objects.filter(tenant_id=base.tenant_id, document__knowledge_base=base)
    if own.filter(document__filename=filename).count() < MOST_VERSIONS:
        return
    if not own.filter(number=F("document__latest_number"), blob__sha256=upload.sha256).exists():
        raise Conflict(
            code="too_many_versions",
            field="file",
            detail=_("A file of a conversation has at most %(limit)s versions.") % {"limit": MOST_VERSIONS},
            remedy=_("Remove the file, and attach it again."),
            limit=MOST_VERSIONS,
        )


@transaction.atomic
def conversation_file_remove(*, principal: Principal, conversation_id: UUID, document_id: UUID) -> None:
    """With every trace. Raises NotFound, also for a document that is no file of this conversation."""
    document = Document.objects.filter(
        tenant_id=principal.tenant, pk=document_id, knowledge_base__conversation=conversation_id
    ).first()
    if document is None:
        raise not_found(kind=_("file"), id=document_id)
    document_remove(principal=principal, document=document)


def conversation_files_remove(*, tenant_id: UUID, conversation_id: UUID) -> int:
    """All of them, with their knowledge base, in the running transaction. Their number."""
    with tenant_scope(tenant_id):
        base = conversation_base(tenant_id=tenant_id, conversation_id=conversation_id)
        if base is None:
            return 0
        files = Document.objects.filter(tenant_id=tenant_id, knowledge_base=base)
        count = files.count()
        documents_delete(tenant_id=tenant_id, documents=files, base=base)
        KnowledgeBase.objects.filter(pk=base.pk).delete()
        return count

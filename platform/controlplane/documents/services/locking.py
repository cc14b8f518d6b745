"""Reading rows again under a lock, so that what a request decides holds until it commits.

The order is that of `leases`: jobs, then the knowledge base, then its documents.
"""

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.documents.models import Document, KnowledgeBase


def base_lock(*, base: KnowledgeBase) -> None:
    """Keep the base's secrecy and spaces as they are now. Raises NotFound when the caller does not see it any more."""
    rows = KnowledgeBase.objects.select_for_update(no_key=True)
    try:
        base.refresh_from_db(fields=["name", "secrecy", "space", "next_space"], from_queryset=rows)
    except KnowledgeBase.DoesNotExist as error:
        raise not_found(kind=_("knowledge base"), id=base.pk) from error


def document_lock(*, document: Document) -> None:
    """As `base_lock`, for a document whose base is locked."""
    rows = Document.objects.select_for_update(no_key=True)
    try:
        document.refresh_from_db(fields=["secrecy", "own_secrecy", "metadata"], from_queryset=rows)
    except Document.DoesNotExist as error:
        raise not_found(kind=_("document"), id=document.pk) from error

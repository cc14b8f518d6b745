"""Deleting documents with every trace: passages, vectors, postings, jobs, and bytes that nothing else refers to."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from controlplane.documents.models import Blob, Document, IndexJob, KnowledgeBase, Version
from controlplane.documents.services.blobs import blobs_release_on_commit
from controlplane.documents.services.traces import traces_remove


class _JobAppearedError(Exception):
    """Between locking the jobs and locking the documents somebody uploaded another version."""


def documents_delete(
    *, tenant_id: UUID, documents: QuerySet[Document], base: KnowledgeBase | None = None
) -> None:
    """In the running transaction, under a scope that sees all of them. `base`: theirs, if it will be deleted as well.

    Workers that are busy with one of the documents find their job gone, and stop.
    """
    while True:
        try:
            with transaction.atomic():
                document_ids = _lock(documents, base)
                _delete(tenant_id, document_ids)
        except _JobAppearedError:
            continue
        return


def _lock(documents: QuerySet[Document], base: KnowledgeBase | None) -> list[UUID]:
    """Jobs, the base, documents, as everywhere; with the documents locked no further job can appear."""
    jobs = IndexJob.objects.filter(version__document__in=documents).order_by("pk")
    locked = set(jobs.select_for_update(of=("self",)).values_list("pk", flat=True))
    if base is not None:
        KnowledgeBase.objects.select_for_update().filter(pk=base.pk).first()
    document_ids = list(documents.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    now = IndexJob.objects.filter(version__document_id__in=document_ids).values_list("pk", flat=True)
    if set(now) - locked:
        raise _JobAppearedError
    return document_ids


def _delete(tenant_id: UUID, document_ids: list[UUID]) -> None:
    versions = Version.objects.filter(tenant_id=tenant_id, document_id__in=document_ids)
    blobs = list(Blob.objects.filter(versions__in=versions).distinct())
    traces_remove(tenant_id=tenant_id, version_ids=list(versions.values_list("pk", flat=True)))
    # Versions and jobs follow by the database's own foreign keys.
    Document.objects.filter(pk__in=document_ids).delete()
    blobs_release_on_commit(tenant_id=tenant_id, blobs=blobs)

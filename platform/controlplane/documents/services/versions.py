"""Indexing a file again that the platform already has: the present one, or one of an earlier version.

Both make a new version, which is built beside the one that answers and then takes its place: readers never miss a passage.
"""

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, not_found
from controlplane.documents.models import Document, DocumentStatus, IndexJob, JobKind, Version
from controlplane.documents.services.documents import Received
from controlplane.documents.services.jobs import job_requeue, job_send
from controlplane.documents.services.locking import base_lock, document_lock
from controlplane.identity.principal import Principal

_UNDER_WAY = (DocumentStatus.QUEUED, DocumentStatus.PARSING, DocumentStatus.EMBEDDING)


@transaction.atomic
def document_reindex(*, principal: Principal, document: Document) -> Received:
    """Read the latest file again. One that failed or was cancelled is tried again as the version it is.

    Raises Forbidden, Conflict while it is being indexed.
    """
    principal.require_write(document.department_id)
    version = Version.objects.get(document=document, number=document.latest_number)
    job = IndexJob.objects.filter(version=version, kind=JobKind.INDEX).order_by("-pk").first()
    if job is not None and version.status in (DocumentStatus.FAILED, DocumentStatus.CANCELLED):
        job = job_requeue(principal=principal, job=job)
        version.refresh_from_db(fields=["status"])
        return Received(document=document, version=version, job=job)
    return _again(principal, document, version, action="document.reindexed")


@transaction.atomic
def version_restore(*, principal: Principal, document: Document, number: int) -> Received:
    """The file of that version becomes the newest. Raises Forbidden, NotFound, Conflict while one is being indexed."""
    principal.require_write(document.department_id)
    version = Version.objects.filter(document=document, number=min(number, 2**31 - 1)).first()
    if version is None:
        raise not_found(kind=_("version"), id=number)
    return _again(principal, document, version, action="document.restored")


def _again(principal: Principal, document: Document, source: Version, *, action: str) -> Received:
    base = document.knowledge_base
    base_lock(base=base)
    document_lock(document=document)
    document.refresh_from_db(fields=["latest_number"])
    latest = Version.objects.get(document=document, number=document.latest_number)
    if latest.status in _UNDER_WAY:
        raise Conflict(
            code="document_busy",
            detail=_("The document is being indexed at the moment."),
            remedy=_("Wait until it is ready, or cancel its job."),
        )
    document.latest_number += 1
    document.save(update_fields=["latest_number", "updated_at"])
    own = {"tenant_id": document.tenant_id}
    version = Version.objects.create(
        **own,
        document=document,
        number=document.latest_number,
        blob_id=source.blob_id,
        format=source.format,
    )
    job = IndexJob.objects.create(**own, version=version, space_id=base.next_space_id or base.space_id)
    job_send(job=job)
    record(
        tenant_id=document.tenant_id,
        actor=principal.actor,
        action=action,
        target=f"document:{document.pk}",
        version=version.number,
        of=source.number,
    )
    return Received(document=document, version=version, job=job)

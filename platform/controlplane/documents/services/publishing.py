"""The moment a version goes live, and the one in which a knowledge base changes its embedding space."""

import enum
from collections.abc import Iterable, Iterator
from uuid import UUID

from django.db import connection
from django.db.models import F

from controlplane.audit.services import record
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import (
    Document,
    DocumentStatus,
    IndexJob,
    JobKind,
    JobStage,
    JobStatus,
    KnowledgeBase,
    Passage,
    Version,
)
from controlplane.documents.services.jobs import job_send
from controlplane.documents.services.leases import CancelRequestedError, Lease, LeaseLostError
from controlplane.documents.services.outcomes import SYSTEM, job_end
from controlplane.documents.services.traces import traces_remove, vectors_remove
from rag.index import PassageIndex

OPEN_STATUSES = (JobStatus.QUEUED, JobStatus.RUNNING)


class Published(enum.Enum):
    """DONE: the worker has nothing more to do. INCOMPLETE: passages are missing in the job's space."""

    DONE = enum.auto()
    INCOMPLETE = enum.auto()


def publish(*, lease: Lease) -> Published:
    """End a job whose passages are all in its space, in one transaction: readers see the old version or the new one.

    INCOMPLETE: the base has been switched to another space since, and the job now belongs to that one; or something has
    removed vectors. A version without passages is read again. Raises LeaseLostError, CancelRequestedError.
    """
    with tenant_scope(lease.tenant_id):
        job = _lock(lease)
        version = Version.objects.get(pk=job.version_id)
        base = (
            KnowledgeBase.objects.select_for_update(no_key=True, of=("self",))
            .filter(documents__versions=version)
            .get()
        )
        if job.space_id not in (base.space_id, base.next_space_id):
            _move(job, base)
            return Published.INCOMPLETE
        if any(versions_missing(base=base, space_id=job.space_id, among=[version])):
            return Published.INCOMPLETE
        if job.kind == JobKind.REINDEX:
            job_end(job=job, status=JobStatus.DONE)
        elif not Passage.objects.filter(tenant_id=lease.tenant_id, version=version).exists():
            _read_again(job)
            return Published.DONE
        else:
            _go_live(job, version, base)
        switch_if_complete(base=base)
    return Published.DONE


def _lock(lease: Lease) -> IndexJob:
    """All jobs of the document, by id: whoever deletes it locks them in the same order.

    Three look-ups by key: as one join the planner reads all of the tenant's jobs, for as long as the tables are small and
    without statistics, which is the first bulk load of every installation.
    """
    own = IndexJob.objects.filter(tenant_id=lease.tenant_id, pk=lease.job_id)
    document_id = own.values_list("version__document_id", flat=True).first()
    if document_id is None:
        raise LeaseLostError(str(lease.job_id))
    siblings = Version.objects.filter(tenant_id=lease.tenant_id, document_id=document_id)
    jobs = (
        IndexJob.objects.filter(
            tenant_id=lease.tenant_id, version_id__in=list(siblings.values_list("pk", flat=True))
        )
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    job = next((job for job in jobs if job.pk == lease.job_id), None)
    if job is None or job.lease != lease.token:
        raise LeaseLostError(str(lease.job_id))
    if job.cancel_requested:
        raise CancelRequestedError(str(lease.job_id))
    return job


def _move(job: IndexJob, base: KnowledgeBase) -> None:
    if job.kind == JobKind.REINDEX:
        raise CancelRequestedError(str(job.pk))  # another change of model has overtaken this one
    vectors_remove(tenant_id=job.tenant_id, version_id=job.version_id, space_id=job.space_id)
    IndexJob.objects.filter(pk=job.pk).update(space_id=base.next_space_id or base.space_id, done=0)


def _read_again(job: IndexJob) -> None:
    """An empty version must never replace one that answers. The attempts go on counting: this does not go on for ever."""
    IndexJob.objects.filter(pk=job.pk).update(
        stage=JobStage.PARSE, status=JobStatus.QUEUED, done=0, total=0, lease=None, lease_until=None
    )
    Version.objects.filter(pk=job.version_id).update(status=DocumentStatus.QUEUED)
    job.stage = JobStage.PARSE
    job_send(job=job)


def _go_live(job: IndexJob, version: Version, base: KnowledgeBase) -> None:
    document = Document.objects.select_for_update(no_key=True).get(pk=version.document_id)
    replaced = Version.objects.filter(document=document, pk=F("document__live_version")).first()
    if replaced is not None and replaced.number > version.number:
        raise CancelRequestedError(str(job.pk))
    if replaced is not None and replaced.pk != version.pk:
        traces_remove(tenant_id=job.tenant_id, version_ids=[replaced.pk])
    overtaken = Version.objects.filter(document=document, number__lt=version.number)
    IndexJob.objects.filter(version__in=overtaken, status__in=OPEN_STATUSES).update(cancel_requested=True)
    Document.objects.filter(pk=document.pk).update(live_version=version.pk, title=version.title)
    chunks = Passage.objects.filter(tenant_id=job.tenant_id, version=version).count()
    Version.objects.filter(pk=version.pk).update(status=DocumentStatus.READY, chunks=chunks)
    job_end(job=job, status=JobStatus.DONE, done=chunks, total=chunks)
    if base.next_space_id and job.space_id != base.next_space_id:
        reindex_job_add(version=version, space_id=base.next_space_id)
    record(
        tenant_id=job.tenant_id,
        actor=SYSTEM,
        action="document.indexed",
        target=f"document:{document.pk}",
        version=version.number,
        job=str(job.pk),
        passages=chunks,
    )


def reindex_job_add(*, version: Version, space_id: UUID) -> None:
    """Have the passages of a live version embedded for the base's next space."""
    job = IndexJob.objects.create(
        tenant_id=version.tenant_id,
        version=version,
        space_id=space_id,
        kind=JobKind.REINDEX,
        stage=JobStage.EMBED,
        total=version.chunks,
    )
    job_send(job=job)


def switch_if_complete(*, base: KnowledgeBase) -> bool:
    """Move the locked base to its next space once every live version is in it, and drop the vectors of the old one."""
    # A base that moves to where it is would lose its whole index below.
    wanted = base.next_space_id
    if wanted is None or wanted == base.space_id or not _is_complete(base, wanted):
        return False
    documents = Document.objects.filter(tenant_id=base.tenant_id, knowledge_base=base)
    old = base.space_id
    base.space_id, base.next_space_id = wanted, None
    base.save(update_fields=["space", "next_space"])
    for version_id in Version.objects.filter(document__in=documents).values_list("pk", flat=True):
        vectors_remove(tenant_id=base.tenant_id, version_id=version_id, space_id=old)
    record(
        tenant_id=base.tenant_id,
        actor=SYSTEM,
        action="knowledge_base.reindexed",
        target=f"knowledge_base:{base.pk}",
        space=str(base.space_id),
    )
    return True


def _is_complete(base: KnowledgeBase, space_id: UUID) -> bool:
    """Looks at the index itself, and only once no job is under way: a job that is done may be of an earlier visit."""
    under_way = IndexJob.objects.filter(
        version__document__knowledge_base=base, space_id=space_id, status__in=OPEN_STATUSES
    )
    if under_way.exists():
        return False
    live = Version.objects.filter(document__knowledge_base=base, pk=F("document__live_version"))
    return next(versions_missing(base=base, space_id=space_id, among=live), None) is None


def versions_missing(*, base: KnowledgeBase, space_id: UUID, among: Iterable[Version]) -> Iterator[Version]:
    """Those that have passages without a vector in the space."""
    with connection.cursor() as cursor:
        index = PassageIndex(cursor=cursor)
        for version in among:
            if index.missing(tenant_id=base.tenant_id, space_id=space_id, version_id=version.pk, limit=1):
                yield version

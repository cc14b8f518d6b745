"""How a job ends when it does not end well: failed, cancelled, put back to be tried again, or no longer wanted."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Greatest, Now

from controlplane.audit.services import record
from controlplane.core.scope import tenant_scope
from controlplane.documents.failures import storable
from controlplane.documents.models import DocumentStatus, IndexJob, JobKind, JobStatus, Version
from controlplane.documents.services.leases import Lease, fenced
from controlplane.documents.services.traces import traces_remove, vectors_remove

SYSTEM = "system"
RETRY_SECONDS = (5, 10, 20, 40, 80, 160, 300)


def job_end(*, job: IndexJob, status: JobStatus, **fields: Any) -> None:
    """Write the end of a locked job and let go of its lease."""
    error = {"error_code": "", "error_params": {}, **fields}  # what it once waited for is no failure of it
    IndexJob.objects.filter(pk=job.pk).update(
        status=status, lease=None, lease_until=None, finished_at=Now(), updated_at=Now(), **error
    )


def discard(*, job: IndexJob, status: DocumentStatus, **fields: Any) -> None:
    """Remove what the locked job has built so far; the version, if the job was to make it ready, gets `status`."""
    if job.kind == JobKind.REINDEX:
        vectors_remove(tenant_id=job.tenant_id, version_id=job.version_id, space_id=job.space_id)
        return
    traces_remove(tenant_id=job.tenant_id, version_ids=[job.version_id])
    Version.objects.filter(pk=job.version_id).update(status=status, chunks=0, **fields)


def job_fail(*, lease: Lease, code: str, params: Mapping[str, Any]) -> None:
    """The job failed for good; nothing of it stays in the index. Raises LeaseLostError, CancelRequestedError."""
    with fenced(lease) as job:
        _fail(job=job, code=code, params=params)


def job_try_later(*, lease: Lease, code: str) -> None:
    """Queue the job again because what it needs is down, to be taken after a pause that grows with each in a row.

    It waits for as long as that lasts: an outage is nothing that whoever uploaded the document could act upon, and the
    reason is shown on the job. The attempt is not counted: it says nothing about the file.
    """
    with fenced(lease) as job:
        pause = RETRY_SECONDS[min(job.waits, len(RETRY_SECONDS) - 1)]
        IndexJob.objects.filter(pk=job.pk).update(
            status=JobStatus.QUEUED,
            attempts=max(0, job.attempts - 1),
            waits=job.waits + 1,
            error_code=code,
            error_params={},
            lease=None,
            lease_until=Now() + timedelta(seconds=pause),
            updated_at=Now(),
        )


def job_put_back(*, lease: Lease) -> None:
    """Let go of a job whose organisation was suspended, with what it has built so far; the sweep finds it when that is over.

    The attempt is not counted. Nothing happens if the job is held no more.
    """
    with tenant_scope(lease.tenant_id):
        IndexJob.objects.filter(pk=lease.job_id, lease=lease.token).update(
            status=JobStatus.QUEUED,
            attempts=Greatest(F("attempts") - 1, 0),
            lease=None,
            lease_until=None,
            updated_at=Now(),
        )


def _fail(*, job: IndexJob, code: str, params: Mapping[str, Any]) -> None:
    stored = {name: storable(value) if isinstance(value, str) else value for name, value in params.items()}
    error = {"error_code": code, "error_params": stored}
    discard(job=job, status=DocumentStatus.FAILED, **error)
    job_end(job=job, status=JobStatus.FAILED, **error)
    version = Version.objects.get(pk=job.version_id)
    record(
        tenant_id=job.tenant_id,
        actor=SYSTEM,
        action="document.index_failed",
        target=f"document:{version.document_id}",
        version=version.number,
        job=str(job.pk),
        code=code,
    )


def job_cancelled(*, lease: Lease) -> None:
    """Finish the cancellation of a job that the caller holds. Nothing happens if it is held no more."""
    with tenant_scope(lease.tenant_id):
        job = (
            IndexJob.objects.select_for_update(of=("self",))
            .filter(pk=lease.job_id, lease=lease.token)
            .first()
        )
        if job is not None:
            cancel_locked(job=job, actor=SYSTEM)


def cancel_locked(*, job: IndexJob, actor: str) -> None:
    """Cancel a job that nobody works on (any more) and that the running transaction has locked."""
    discard(job=job, status=DocumentStatus.CANCELLED)
    job_end(job=job, status=JobStatus.CANCELLED, cancel_requested=True)
    version = Version.objects.get(pk=job.version_id)
    record(
        tenant_id=job.tenant_id,
        actor=actor,
        action="job.cancelled",
        target=f"job:{job.pk}",
        document=str(version.document_id),
        version=version.number,
    )

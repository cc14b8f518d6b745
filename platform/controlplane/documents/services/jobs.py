"""What people do with jobs: cancel them, try them again."""

from contextlib import suppress

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict
from controlplane.core.queue import enqueue
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import (
    Document,
    DocumentStatus,
    IndexJob,
    JobKind,
    JobStage,
    JobStatus,
    KnowledgeBase,
    Version,
)
from controlplane.documents.services.outcomes import cancel_locked
from controlplane.identity.principal import Principal

MOST_RETRIED = 500
TASKS = {JobStage.PARSE: "documents.parse", JobStage.EMBED: "documents.embed"}


def job_send(*, job: IndexJob) -> None:
    """Have a worker take the job, once the running transaction commits."""
    enqueue(TASKS[JobStage(job.stage)], tenant_id=str(job.tenant_id), job_id=str(job.pk))


@transaction.atomic
def job_cancel(*, principal: Principal, job: IndexJob) -> None:
    """A waiting job is cancelled at once; a worker that is busy with it stops within seconds and cleans up.

    Cancelling twice is no error. Raises Forbidden, Conflict for a job that has ended otherwise.
    """
    principal.require_write(job.version.document.department_id)
    with tenant_scope(principal.tenant):
        locked = IndexJob.objects.select_for_update(of=("self",)).filter(pk=job.pk).first()
        if locked is None or locked.status in (JobStatus.DONE, JobStatus.FAILED):
            raise Conflict(
                code="job_ended",
                detail=_("The job has already ended."),
                remedy=_("Delete the document if it should not be there."),
            )
        if locked.status == JobStatus.QUEUED:
            cancel_locked(job=locked, actor=principal.actor)
        elif locked.status == JobStatus.RUNNING and not locked.cancel_requested:
            IndexJob.objects.filter(pk=locked.pk).update(cancel_requested=True)
            record(
                tenant_id=principal.tenant,
                actor=principal.actor,
                action="job.cancel_requested",
                target=f"job:{locked.pk}",
                document=str(job.version.document_id),
            )


@transaction.atomic
def job_retry(*, principal: Principal, job: IndexJob) -> IndexJob:
    """Start a failed or cancelled job afresh. Raises Forbidden, Conflict for any other, or for an outdated version."""
    principal.require_write(job.version.document.department_id)
    return job_requeue(principal=principal, job=job)


def job_requeue(*, principal: Principal, job: IndexJob) -> IndexJob:
    """As `job_retry`, for a caller that has checked the permission."""
    with tenant_scope(principal.tenant):
        locked = IndexJob.objects.select_for_update(of=("self",)).filter(pk=job.pk).first()
        if locked is None or locked.status not in (JobStatus.FAILED, JobStatus.CANCELLED):
            raise Conflict(
                code="job_not_ended", detail=_("Only a failed or cancelled job can be tried again.")
            )
        _check_current(locked)
        _reset(locked)
        job_send(job=locked)
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="job.retried",
        target=f"job:{job.pk}",
        document=str(job.version.document_id),
    )
    return locked


@transaction.atomic
def failed_jobs_retry(*, principal: Principal, base: KnowledgeBase) -> int:
    """Queue the failed documents of the base again, the newest first, at most `MOST_RETRIED` in one call. Their number.

    Raises Forbidden.
    """
    principal.require_write(base.department_id)
    failed = IndexJob.objects.filter(
        tenant_id=principal.tenant,
        kind=JobKind.INDEX,
        status=JobStatus.FAILED,
        version__status=DocumentStatus.FAILED,
        version__number=F("version__document__latest_number"),
        version__document__knowledge_base=base,
    )
    newest = list(failed.order_by("-pk").values_list("pk", flat=True)[:MOST_RETRIED])
    retried = []
    with tenant_scope(principal.tenant):
        jobs = IndexJob.objects.filter(pk__in=newest, status=JobStatus.FAILED).order_by("pk")
        for job in jobs.select_for_update(of=("self",)):
            with suppress(Conflict):  # the document has a newer version by now
                _check_current(job)
                _reset(job)
                job_send(job=job)
                retried.append(job)
    if retried:
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action="knowledge_base.jobs_retried",
            target=f"knowledge_base:{base.pk}",
            jobs=[str(job.pk) for job in retried],
        )
    return len(retried)


def _check_current(job: IndexJob) -> None:
    version = Version.objects.get(pk=job.version_id)
    document = Document.objects.select_related("knowledge_base").get(pk=version.document_id)
    base = document.knowledge_base
    if job.kind == JobKind.REINDEX:
        is_current = version.pk == document.live_version and job.space_id == base.next_space_id
    else:
        is_current = version.number == document.latest_number
    if not is_current:
        raise Conflict(
            code="version_outdated",
            detail=_("The document has a newer version."),
            remedy=_("Upload this content again if it should replace the newer one."),
        )
    if job.kind == JobKind.INDEX:
        job.space_id = base.next_space_id or base.space_id


def _reset(job: IndexJob) -> None:
    job.status = JobStatus.QUEUED
    job.done = job.total = job.attempts = job.waits = 0
    job.error_code, job.error_params = "", {}
    job.cancel_requested = False
    job.lease = job.lease_until = job.finished_at = None
    if job.kind == JobKind.INDEX:
        job.stage = JobStage.PARSE
        Version.objects.filter(pk=job.version_id).update(
            status=DocumentStatus.QUEUED, error_code="", error_params={}
        )
    job.save()

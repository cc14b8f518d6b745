"""How indexing stands: what waits, what failed, and how many documents are in which state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, F, Min, Q

from controlplane.documents.models import Document, DocumentStatus, IndexJob, JobStatus, Version

FAILED_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class IndexBacklog:
    """`oldest` is since when the job has waited that was asked for first; `failed` counts the last seven days."""

    open: int
    oldest: datetime | None
    failed: int


def index_backlog(*, tenant_id: UUID, now: datetime) -> IndexBacklog:
    jobs = IndexJob.objects.filter(tenant_id=tenant_id)
    waiting = jobs.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING]).aggregate(
        open=Count("pk"), oldest=Min("created_at")
    )
    failed = jobs.filter(status=JobStatus.FAILED, finished_at__gte=now - FAILED_WITHIN).count()
    return IndexBacklog(waiting["open"], waiting["oldest"], failed)


def documents_by_status(*, tenant_id: UUID) -> Mapping[str, int]:
    """How many of the departments' readable documents have a latest version in which state.

    Nearly all are ready: only the others are looked at one by one.
    """
    others = (
        Version.objects.filter(~Q(status=DocumentStatus.READY), tenant_id=tenant_id)
        .filter(number=F("document__latest_number"), document__owner="")
        .values_list("status")
        .annotate(count=Count("pk"))
    )
    counts = dict.fromkeys(DocumentStatus.values, 0) | dict(others)
    ready = Document.objects.filter(tenant_id=tenant_id, owner="").count() - sum(counts.values())
    return counts | {DocumentStatus.READY.value: max(0, ready)}

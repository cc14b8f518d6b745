"""What keeps jobs going when messages or workers are lost, and removes what has lost its owner."""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from kombu.exceptions import ChannelError, OperationalError

from controlplane.core.queue import DEFAULT_QUEUE, QUEUES
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.tenant_ids import tenant_ids
from controlplane.documents import storage
from controlplane.documents.models import Blob, IndexJob, JobStatus, KnowledgeBase, Passage, Version
from controlplane.documents.services.blobs import blob_release
from controlplane.documents.services.jobs import TASKS, job_send
from controlplane.documents.services.outcomes import SYSTEM, cancel_locked
from controlplane.documents.services.publishing import OPEN_STATUSES, switch_if_complete
from controlplane.documents.services.traces import traces_remove

log = logging.getLogger(__name__)

UNCLAIMED = timedelta(seconds=getattr(settings, "INDEX_UNCLAIMED_SECONDS", 20.0))
ABANDONED_FILE = timedelta(hours=1)
_AT_ONCE = 500


def all_tenants(*, suspended: bool) -> list[UUID]:
    with platform_scope():
        return list(tenant_ids(working=not suspended).values())


def each_tenant(work: Callable[..., object], *, suspended: bool = False, **arguments: Any) -> None:
    """Do the work for every tenant; what fails for one is logged and does not keep it from the others.

    Those that are suspended are left as they are, unless the work is for them too.
    """
    for tenant_id in all_tenants(suspended=suspended):
        try:
            work(tenant_id=tenant_id, **arguments)
        except Exception:  # whatever it is, the next tenant has nothing to do with it
            log.exception("%s failed for tenant %s", getattr(work, "__name__", work), tenant_id)
            close_old_connections()


def empty_queues() -> frozenset[str]:
    """The tasks in whose queue no message waits; none while the broker does not answer."""
    from controlplane.celery import app  # the Celery app needs loaded settings

    with app.connection_for_write() as connection:
        try:
            connection.ensure_connection(max_retries=1, interval_start=0)
            channel = connection.default_channel
            return frozenset(
                task for task in TASKS.values() if _is_empty(channel, QUEUES.get(task, DEFAULT_QUEUE))
            )
        except _broker_errors(connection) as error:
            log.warning("the broker does not answer: %s", error)
            return frozenset()


def _broker_errors(connection: Any) -> tuple[type[Exception], ...]:
    return OperationalError, *connection.connection_errors


def _is_empty(channel: Any, queue: str) -> bool:
    try:
        return not channel.queue_declare(queue=queue, passive=True).message_count
    except ChannelError:  # Redis has no empty lists: a queue without messages does not exist
        return True


def jobs_revive(*, tenant_id: UUID, empty: frozenset[str]) -> int:
    """Give out again what nobody works on: jobs whose worker died, and jobs whose message was lost. Their number.

    A job that has waited long in a long queue most likely still has its message there: it is sent again when the queue
    is empty, or when it has waited twice as long as the last time.
    """
    with tenant_scope(tenant_id):
        _take_back(tenant_id)
        waited_long = Q(updated_at__lt=Now() - (F("updated_at") - F("created_at")))
        stages = [stage for stage, task in TASKS.items() if task in empty]
        lost = list(
            _due(tenant_id)
            .filter(Q(stage__in=stages) | waited_long, updated_at__lt=Now() - UNCLAIMED)
            .order_by("pk")
            .select_for_update(of=("self",), skip_locked=True)[:_AT_ONCE]
        )
        for job in lost:
            job_send(job=job)
        IndexJob.objects.filter(pk__in=[job.pk for job in lost]).update(updated_at=Now())
    return len(lost)


def _due(tenant_id: UUID) -> QuerySet[IndexJob]:
    return IndexJob.objects.filter(
        Q(lease_until=None) | Q(lease_until__lte=Now()), tenant_id=tenant_id, status=JobStatus.QUEUED
    )


def _take_back(tenant_id: UUID) -> None:
    """Jobs whose lease has run out: queue them, or finish the cancellation their worker did not live to see."""
    abandoned = IndexJob.objects.filter(
        tenant_id=tenant_id, status=JobStatus.RUNNING, lease_until__lt=Now()
    ).order_by("pk")
    for job in abandoned.select_for_update(of=("self",), skip_locked=True)[:_AT_ONCE]:
        if job.cancel_requested:
            cancel_locked(job=job, actor=SYSTEM)
            continue
        IndexJob.objects.filter(pk=job.pk).update(
            status=JobStatus.QUEUED, lease=None, lease_until=None, updated_at=Now()
        )
        job_send(job=job)


def orphans_remove(*, tenant_id: UUID) -> int:
    """Passages of versions that nobody will publish, and bytes that no version refers to. How many were found.

    The services leave neither; a process that was killed between two of their transactions may have.
    """
    with tenant_scope(tenant_id):
        found = list(_dead_versions(tenant_id)[:_AT_ONCE])
        # Whoever tries a version again locks its job: after this none of them can come back to life.
        jobs = IndexJob.objects.filter(version__in=found).order_by("pk").select_for_update(of=("self",))
        list(jobs.values_list("pk", flat=True))
        dead = list(_dead_versions(tenant_id).filter(pk__in=found))
        traces_remove(tenant_id=tenant_id, version_ids=dead)
        blobs = list(Blob.objects.filter(tenant_id=tenant_id, versions=None)[:_AT_ONCE])
    for blob in blobs:
        blob_release(tenant_id=tenant_id, blob=blob)
    return len(dead) + len(blobs)


def _dead_versions(tenant_id: UUID) -> QuerySet[Version, UUID]:
    worked_on = IndexJob.objects.filter(version=OuterRef("pk"), status__in=OPEN_STATUSES)
    passages = Passage.objects.filter(tenant_id=tenant_id, version=OuterRef("pk"))
    return (
        Version.objects.filter(Exists(passages), tenant_id=tenant_id)
        .exclude(pk=F("document__live_version"))
        .exclude(Exists(worked_on))
        .values_list("pk", flat=True)
    )


def reindexing_finish(*, tenant_id: UUID) -> None:
    """Switch the bases whose re-index became complete because the last document it waited for was deleted."""
    with tenant_scope(tenant_id):
        waiting = KnowledgeBase.objects.filter(tenant_id=tenant_id).exclude(next_space=None)
        for base in waiting.select_for_update(no_key=True, of=("self",), skip_locked=True):
            switch_if_complete(base=base)


def files_remove(*, tenant_id: UUID) -> int:
    """Files in the tenant's part of the store that were written by a transaction that never committed. Their number."""
    removed = 0
    for path in _stored_paths(tenant_id):
        if not _is_abandoned(path):
            continue
        with tenant_scope(tenant_id):
            storage.lock_path(path=path)
            if not Blob.objects.filter(tenant_id=tenant_id, path=path).exists():
                storage.remove(path=path)
                removed += 1
    return removed


def _is_abandoned(path: str) -> bool:
    try:
        return datetime.now(UTC) - storage.store().get_modified_time(path) >= ABANDONED_FILE
    except FileNotFoundError:  # its document was deleted since the folder was listed
        return False


def _stored_paths(tenant_id: UUID) -> Iterable[str]:
    store = storage.store()
    try:
        folders, _files = store.listdir(str(tenant_id))
    except FileNotFoundError:
        return
    for folder in folders:
        try:
            _folders, files = store.listdir(f"{tenant_id}/{folder}")
        except FileNotFoundError:
            continue
        known = set(_known_paths(tenant_id, folder))
        yield from (path for name in files if (path := f"{tenant_id}/{folder}/{name}") not in known)


def _known_paths(tenant_id: UUID, folder: str) -> list[str]:
    with tenant_scope(tenant_id):
        blobs = Blob.objects.filter(tenant_id=tenant_id, sha256__startswith=folder)
        return list(blobs.values_list("path", flat=True))

"""Celery's side of indexing. Arguments are ids as text; a task may be sent twice, and be killed anywhere."""

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import task_postrun, task_prerun
from django.db import close_old_connections

from controlplane.documents.services import indexing, parsing, reindexing, sweeping


@task_prerun.connect
@task_postrun.connect
def give_back_connection(**_: Any) -> None:
    """To the pool, which lives longer than a task; one that has become unusable is closed."""
    close_old_connections()


@shared_task(name="documents.parse")
def parse(*, tenant_id: str, job_id: str, **_: Any) -> None:
    parsing.parse(tenant_id=UUID(tenant_id), job_id=UUID(job_id))


@shared_task(name="documents.embed")
def embed(*, tenant_id: str, job_id: str, **_: Any) -> None:
    indexing.index(tenant_id=UUID(tenant_id), job_id=UUID(job_id))


@shared_task(name="documents.sweep")
def sweep(**_: Any) -> None:
    """Every few seconds: jobs that have lost their worker or their message."""
    sweeping.each_tenant(sweeping.jobs_revive, empty=sweeping.empty_queues())


@shared_task(name="documents.cleanup")
def cleanup(**_: Any) -> None:
    """Every few minutes: what a killed process left without an owner."""
    for work in (sweeping.orphans_remove, sweeping.reindexing_finish, reindexing.strays_remove):
        sweeping.each_tenant(work)


@shared_task(name="documents.cleanup_files")
def cleanup_files(**_: Any) -> None:
    """Every few hours: files that no row knows of."""
    sweeping.each_tenant(sweeping.files_remove)

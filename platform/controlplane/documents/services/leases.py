"""Holding a job: claimed by one worker at a time, kept by a heartbeat, given up or lost.

Lock order, everywhere in this package: the jobs of a document by id, then the knowledge base, then the document. Every
write of a worker goes through `fenced`, which locks the job's row: a worker that lost its lease can't write any more.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models import F, Q
from django.db.models.functions import Now

from controlplane.core.scope import tenant_scope
from controlplane.documents.models import IndexJob, JobStage, JobStatus

log = logging.getLogger(__name__)

LEASE_SECONDS: float = getattr(settings, "INDEX_LEASE_SECONDS", 30.0)
BEAT_SECONDS = min(1.0, LEASE_SECONDS / 4)


class LeaseLostError(Exception):
    """Another worker has the job, or it is gone with its document: stop, and write nothing more."""


class CancelRequestedError(Exception):
    """Somebody asked for the job to be cancelled: clean up."""


class SuspendedError(Exception):
    """The organisation was suspended: put the job back, and keep what is done."""


@dataclass(frozen=True, slots=True)
class Lease:
    tenant_id: UUID
    job_id: UUID
    token: UUID
    attempts: int


def claim(*, tenant_id: UUID, job_id: UUID, stage: JobStage) -> Lease | None:
    """Take a job that is due in this stage. None when there is nothing to do: done, held by another, not yet due,
    or of an organisation that is suspended. (One that is suspended at this very moment is heard of by the heartbeat.)

    The attempt is counted here, so that a file that kills its worker is counted too.
    """
    due = Q(status=JobStatus.QUEUED) & (Q(lease_until=None) | Q(lease_until__lte=Now()))
    abandoned = Q(status=JobStatus.RUNNING, lease_until__lt=Now())
    token = uuid4()
    with tenant_scope(tenant_id):
        job = (
            IndexJob.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(due | abandoned, tenant_id=tenant_id, pk=job_id, stage=stage, tenant__suspended_at=None)
            .first()
        )
        if job is None:
            return None
        IndexJob.objects.filter(pk=job_id).update(
            status=JobStatus.RUNNING,
            lease=token,
            lease_until=Now() + timedelta(seconds=LEASE_SECONDS),
            attempts=F("attempts") + 1,
            updated_at=Now(),
        )
    return Lease(tenant_id=tenant_id, job_id=job_id, token=token, attempts=job.attempts + 1)


@contextmanager
def fenced(lease: Lease) -> Iterator[IndexJob]:
    """A transaction in which the job is locked and still ours. Raises LeaseLostError, CancelRequestedError."""
    with tenant_scope(lease.tenant_id):
        job = IndexJob.objects.select_for_update(of=("self",)).filter(pk=lease.job_id).first()
        if job is None or job.lease != lease.token:
            raise LeaseLostError(str(lease.job_id))
        if job.cancel_requested:
            raise CancelRequestedError(str(lease.job_id))
        yield job


def commit_without_waiting() -> None:
    """Let the running transaction commit before it is on disk: for what is done again, or is of no use, after a crash."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


class Heartbeat:
    """Keeps the lease alive from a thread of its own, writes the progress, and hears of a cancellation or a suspension.

    `stopped()` is what the work asks between its steps. While the database is down the beat tries again until the lease
    must have run out.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._interrupt: Exception | None = None
        self._fraction: float | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"lease-{lease.job_id}", daemon=True)
        self._deadline = time.monotonic() + LEASE_SECONDS

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def report(self, fraction: float) -> None:
        """How far the stage has come, 0 to 1; written with the next beat."""
        self._fraction = fraction

    def stopped(self) -> bool:
        return self._interrupt is not None

    def check(self) -> None:
        """Raise LeaseLostError, CancelRequestedError or SuspendedError if the work should stop."""
        if self._interrupt is not None:
            raise self._interrupt

    def _run(self) -> None:
        try:
            while not self._end.wait(BEAT_SECONDS) and self._interrupt is None:
                self._try_beat()
        finally:
            connection.close()

    def _try_beat(self) -> None:
        try:
            self._beat()
        except (DatabaseError, InterfaceError) as error:
            log.warning("job %s: no heartbeat: %s", self._lease.job_id, error)
            connection.close()
            if time.monotonic() > self._deadline:
                self._interrupt = LeaseLostError(str(self._lease.job_id))

    def _beat(self) -> None:
        changes: dict[str, object] = {"lease_until": Now() + timedelta(seconds=LEASE_SECONDS)}
        if self._fraction is not None:
            changes |= {"done": round(self._fraction * 1000), "total": 1000}
        with tenant_scope(self._lease.tenant_id):
            commit_without_waiting()
            own = IndexJob.objects.filter(pk=self._lease.job_id, lease=self._lease.token)
            own.update(**changes)
            heard = own.values_list("cancel_requested", "tenant__suspended_at").first()
        self._deadline = time.monotonic() + LEASE_SECONDS
        job_id = str(self._lease.job_id)
        if heard is None:
            self._interrupt = LeaseLostError(job_id)
        elif heard[0]:
            self._interrupt = CancelRequestedError(job_id)
        elif heard[1] is not None:
            self._interrupt = SuspendedError(job_id)

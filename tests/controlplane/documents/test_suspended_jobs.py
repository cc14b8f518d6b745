"""Jobs of a suspended organisation: none is taken, one that a worker holds is put back, and all go on when it is resumed."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models.functions import Now

from controlplane.core.scope import tenant_scope
from controlplane.documents import tasks
from controlplane.documents.models import IndexJob, JobStage, JobStatus
from controlplane.documents.services import indexing, leases, parsing, sweeping
from controlplane.documents.services.outcomes import job_put_back
from controlplane.tenants.suspensions import tenant_resume, tenant_suspend
from tests.controlplane.documents.library import Library
from tests.controlplane.documents.test_jobs import job_row
from tests.controlplane.documents.test_sweeping import ALL_EMPTY, aged, sent

__all__ = ["sent"]
LONG = "# 办法\n\n" + "\n\n".join(
    f"第{number}条 流动资金贷款的期限一般不超过三年。" * 9 for number in range(400)
)


def suspend(library: Library) -> None:
    tenant_suspend(actor="system", tenant_id=library.tenant_id, reason="合同到期")


def resume(library: Library) -> None:
    tenant_resume(actor="system", tenant_id=library.tenant_id)


def sweep(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the task does, over this tenant alone where it is among those that work."""
    every = sweeping.all_tenants
    monkeypatch.setattr(
        sweeping, "all_tenants", lambda **kind: [t for t in every(**kind) if t == library.tenant_id]
    )
    monkeypatch.setattr(sweeping, "empty_queues", lambda: ALL_EMPTY)
    tasks.sweep()


def test_no_job_is_taken_and_none_is_sent_until_it_is_resumed(
    library: Library, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    received = library.upload().json()
    job = received["job"]
    sent.clear()
    suspend(library)
    before = job_row(library, job)
    for _ in range(2):
        parsing.parse(tenant_id=library.tenant_id, job_id=UUID(job))
    aged(library, job, seconds=600)
    sweep(library, monkeypatch)
    after = job_row(library, job)
    assert (after.status, after.stage, after.attempts, after.lease) == (before.status, before.stage, 0, None)
    assert (after.status, sent) == (JobStatus.QUEUED, [])
    resume(library)
    sweep(library, monkeypatch)
    assert sent == [("documents.parse", job)]
    library.work()
    assert library.document(received["id"])["status"] == "ready"


def test_a_worker_puts_the_job_back_with_what_it_has_done(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The organisation is suspended while its passages are embedded: no attempt is lost, and no batch."""
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    received = library.upload(LONG).json()
    job = UUID(received["job"])
    parsing.parse(tenant_id=library.tenant_id, job_id=job)
    passages = library.traces()["documents_passage"]
    assert passages > indexing.BATCH_PASSAGES
    load, heard = indexing._load, indexing.Heartbeat.check

    def suspend_after_the_first(*args: object) -> None:
        load(*args)  # type: ignore[arg-type]
        suspend(library)

    def once_it_is_heard(beat: leases.Heartbeat) -> None:
        if library.traces()["rag_vector"]:
            beat._thread.join(20)  # it ends with what it heard
        heard(beat)

    monkeypatch.setattr(indexing, "_load", suspend_after_the_first)
    monkeypatch.setattr(indexing.Heartbeat, "check", once_it_is_heard)
    indexing.index(tenant_id=library.tenant_id, job_id=job)
    row, vectors = job_row(library, received["job"]), library.traces()["rag_vector"]
    assert (row.status, row.stage, row.attempts) == (JobStatus.QUEUED, JobStage.EMBED, 0)
    assert (row.lease, row.lease_until, row.error_code) == (None, None, "")
    assert 0 < vectors < passages
    monkeypatch.setattr(indexing, "_load", load)
    monkeypatch.setattr(indexing.Heartbeat, "check", heard)
    resume(library)
    library.work()
    assert library.document(received["id"])["status"] == "ready"
    assert library.traces()["rag_vector"] == passages


def test_a_file_that_is_being_read_is_read_again_later(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.02)
    received = library.upload().json()
    read = parsing._read

    def suspended_meanwhile(source: object, beat: leases.Heartbeat) -> object:
        suspend(library)
        beat._thread.join(20)
        return read(source, beat)  # type: ignore[arg-type]

    monkeypatch.setattr(parsing, "_read", suspended_meanwhile)
    parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    row = job_row(library, received["job"])
    assert (row.status, row.stage, row.attempts, row.lease) == (JobStatus.QUEUED, JobStage.PARSE, 0, None)
    monkeypatch.setattr(parsing, "_read", read)
    resume(library)
    library.work()
    assert library.document(received["id"])["status"] == "ready"


def test_a_worker_that_died_is_replaced_when_it_is_resumed(
    library: Library, sent: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = library.upload().json()["job"]
    lease = leases.claim(tenant_id=library.tenant_id, job_id=UUID(job), stage=JobStage.PARSE)
    assert lease is not None
    suspend(library)
    with tenant_scope(library.tenant_id):
        IndexJob.objects.filter(pk=job).update(lease_until=Now() - timedelta(seconds=1))
    assert leases.claim(tenant_id=library.tenant_id, job_id=UUID(job), stage=JobStage.PARSE) is None
    sent.clear()
    sweep(library, monkeypatch)
    assert (job_row(library, job).status, sent) == (JobStatus.RUNNING, [])
    resume(library)
    sweep(library, monkeypatch)
    assert (job_row(library, job).status, sent) == (JobStatus.QUEUED, [("documents.parse", job)])


def test_letting_go_does_not_take_a_job_from_who_has_it_now(library: Library) -> None:
    job = library.upload().json()["job"]
    lease = leases.claim(tenant_id=library.tenant_id, job_id=UUID(job), stage=JobStage.PARSE)
    assert lease is not None
    with tenant_scope(library.tenant_id):
        IndexJob.objects.filter(pk=job).update(lease_until=Now() - timedelta(seconds=1))
    taken = leases.claim(tenant_id=library.tenant_id, job_id=UUID(job), stage=JobStage.PARSE)
    assert taken is not None
    job_put_back(lease=lease)
    row = job_row(library, job)
    assert (row.status, row.lease) == (JobStatus.RUNNING, taken.token)

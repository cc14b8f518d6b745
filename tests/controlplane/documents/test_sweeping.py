"""What is found again: lost messages, dead workers, things without an owner."""

import io
from datetime import timedelta
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from controlplane.core.scope import tenant_scope
from controlplane.documents import storage, tasks
from controlplane.documents.models import IndexJob, JobStage, JobStatus, Version
from controlplane.documents.services import leases, parsing, sweeping
from tests.controlplane.documents.library import API, Library

NONE_EMPTY: frozenset[str] = frozenset()
ALL_EMPTY = frozenset({"documents.parse", "documents.embed"})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The messages: (task, job)."""
    messages: list[tuple[str, str]] = []

    def remember(name: str, kwargs: dict[str, Any]) -> None:
        messages.append((name, kwargs["job_id"]))

    monkeypatch.setattr("controlplane.core.queue._send", remember)
    return messages


def aged(library: Library, job: str, *, seconds: float, created: float | None = None) -> None:
    with tenant_scope(library.tenant_id):
        IndexJob.objects.filter(pk=job).update(
            updated_at=Now() - timedelta(seconds=seconds),
            created_at=Now() - timedelta(seconds=created or seconds),
        )


def test_a_job_whose_message_was_lost_is_sent_again(library: Library, sent: list[tuple[str, str]]) -> None:
    job = library.upload().json()["job"]
    assert sent == [("documents.parse", job)]
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert len(sent) == 1  # it may still be on its way
    aged(library, job, seconds=30)
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert sent == [("documents.parse", job)] * 2


def test_a_job_in_a_long_queue_is_sent_again_ever_more_seldom(
    library: Library, sent: list[tuple[str, str]]
) -> None:
    job = library.upload().json()["job"]
    aged(library, job, seconds=30, created=100)
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=NONE_EMPTY)
    assert len(sent) == 1
    aged(library, job, seconds=80, created=100)
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=NONE_EMPTY)
    assert len(sent) == 2


def test_a_job_that_waits_for_its_next_attempt_is_not_sent_before_its_time(
    library: Library, sent: list[tuple[str, str]]
) -> None:
    job = library.upload().json()["job"]
    aged(library, job, seconds=60)
    with tenant_scope(library.tenant_id):
        IndexJob.objects.update(lease_until=Now() + timedelta(seconds=60))
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert len(sent) == 1
    with tenant_scope(library.tenant_id):
        IndexJob.objects.update(lease_until=Now() - timedelta(seconds=1))
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert len(sent) == 2


def test_a_job_of_a_dead_worker_is_queued_again(library: Library, sent: list[tuple[str, str]]) -> None:
    job = library.upload().json()["job"]
    lease = leases.claim(tenant_id=library.tenant_id, job_id=UUID(job), stage=JobStage.PARSE)
    assert lease is not None
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert len(sent) == 1  # its lease is good
    with tenant_scope(library.tenant_id):
        IndexJob.objects.update(lease_until=F("created_at"))
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert sent == [("documents.parse", job)] * 2
    with tenant_scope(library.tenant_id):
        row = IndexJob.objects.get()
    assert (row.status, row.lease, row.attempts) == (JobStatus.QUEUED, None, 1)


def test_a_cancellation_that_its_worker_did_not_live_to_see_is_finished(library: Library) -> None:
    received = library.upload().json()
    leases.claim(tenant_id=library.tenant_id, job_id=UUID(received["job"]), stage=JobStage.PARSE)
    library.client.post(f"{API}/jobs/{received['job']}/cancel")
    with tenant_scope(library.tenant_id):
        IndexJob.objects.update(lease_until=F("created_at"))
    sweeping.jobs_revive(tenant_id=library.tenant_id, empty=ALL_EMPTY)
    assert library.document(received["id"])["status"] == "cancelled"


def test_passages_that_nobody_will_publish_are_removed(library: Library) -> None:
    kept = library.indexed("留下的文件。", "kept.txt")
    received = library.upload().json()
    parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    assert sweeping.orphans_remove(tenant_id=library.tenant_id) == 0  # its job is still open
    with tenant_scope(library.tenant_id):
        IndexJob.objects.filter(pk=received["job"]).update(status=JobStatus.FAILED)
        Version.objects.filter(document=received["id"]).update(status="failed")
    assert sweeping.orphans_remove(tenant_id=library.tenant_id) == 1
    assert library.traces()["documents_passage"] == kept["chunks"]


def test_a_version_that_is_tried_again_meanwhile_keeps_its_passages(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = library.upload().json()
    parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    with tenant_scope(library.tenant_id):
        IndexJob.objects.filter(pk=received["job"]).update(status=JobStatus.FAILED)
    look = sweeping._dead_versions

    def retried_once_seen(tenant_id: UUID) -> QuerySet[Version, UUID]:
        found = look(tenant_id)
        if list(found):
            IndexJob.objects.filter(pk=received["job"]).update(status=JobStatus.QUEUED)
            return Version.objects.filter(document=received["id"]).values_list("pk", flat=True)
        return found

    monkeypatch.setattr(sweeping, "_dead_versions", retried_once_seen)
    assert sweeping.orphans_remove(tenant_id=library.tenant_id) == 0
    assert library.traces()["documents_passage"] == 1


def test_bytes_that_no_version_refers_to_are_removed(library: Library) -> None:
    document = library.indexed()
    with tenant_scope(library.tenant_id):
        blob = Version.objects.select_related("blob").get().blob
        # As after a process that was killed between committing the deletion and removing the bytes.
        Version.objects.all().delete()
    assert storage.store().exists(blob.path)
    assert sweeping.orphans_remove(tenant_id=library.tenant_id) == 1
    assert not storage.store().exists(blob.path)
    assert library.traces()["documents_blob"] == 0
    assert document["id"]


def test_files_that_no_row_knows_are_removed_once_they_are_old(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.indexed()
    stray = storage.blob_path(tenant_id=library.tenant_id, sha256="0" * 64)
    storage.store().save(stray, ContentFile(b"left by a transaction that never committed"))
    assert sweeping.files_remove(tenant_id=library.tenant_id) == 0
    later = timezone.now() + timedelta(hours=2)
    monkeypatch.setattr(storage.store(), "get_modified_time", lambda _path: later - timedelta(hours=4))
    assert sweeping.files_remove(tenant_id=library.tenant_id) == 1
    assert not storage.store().exists(stray)
    with tenant_scope(library.tenant_id):
        path = Version.objects.select_related("blob").get().blob.path
    assert storage.store().exists(path)


def test_a_file_that_disappears_while_the_folders_are_read_is_no_error(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    stray = f"{library.tenant_id}/ab/{'ab' * 32}"
    storage.store().save(stray, ContentFile(b"x"))
    monkeypatch.setattr(FileSystemStorage, "get_modified_time", Mock(side_effect=FileNotFoundError))
    assert sweeping.files_remove(tenant_id=library.tenant_id) == 0


def test_what_fails_for_one_tenant_does_not_keep_the_others_waiting(
    library: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = uuid4()
    monkeypatch.setattr(sweeping, "all_tenants", lambda **_: [broken, library.tenant_id])
    done = []

    def work(*, tenant_id: UUID) -> None:
        if tenant_id == broken:
            raise RuntimeError("broken")
        done.append(tenant_id)

    monkeypatch.setattr(sweeping, "orphans_remove", work)
    monkeypatch.setattr(sweeping, "reindexing_finish", work)
    tasks.cleanup()
    assert done == [library.tenant_id] * 2
    assert str(broken) in caplog.text


def test_a_half_written_file_is_replaced_by_the_next_upload(library: Library) -> None:
    content = "完整的内容。".encode()
    import hashlib

    path = storage.blob_path(tenant_id=library.tenant_id, sha256=hashlib.sha256(content).hexdigest())
    storage.store().save(path, ContentFile(content[:5]))
    document = library.indexed(content, "a.txt")
    assert document["status"] == "ready"
    with storage.store().open(path) as file:
        assert io.BytesIO(file.read()).getvalue() == content


def test_every_queued_name_is_a_registered_task() -> None:
    from controlplane.celery import app
    from controlplane.core.queue import QUEUES
    from controlplane.documents.services.jobs import TASKS

    app.loader.import_default_modules()
    assert {
        *QUEUES,
        *TASKS.values(),
        "documents.sweep",
        "documents.cleanup",
        "documents.cleanup_files",
    } <= set(app.tasks)

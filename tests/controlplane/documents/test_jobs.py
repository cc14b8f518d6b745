"""Jobs over REST: watched, cancelled, tried again."""

import errno
from unittest.mock import Mock
from uuid import UUID

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.db.models import F

from controlplane.core.scope import tenant_scope
from controlplane.documents.models import IndexJob, JobStage, JobStatus, Version
from controlplane.documents.services import indexing, leases, parsing, publishing
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, Library
from tests.fakes.engine import FakeEngine


def job_row(library: Library, job_id: str) -> IndexJob:
    with tenant_scope(library.tenant_id):
        return IndexJob.objects.get(pk=job_id)


def test_a_job_is_shown_and_listed(library: Library) -> None:
    received = library.upload().json()
    shown = library.client.get(f"{API}/jobs/{received['job']}").json()
    assert (shown["kind"], shown["stage"], shown["status"]) == ("index", "parse", "queued")
    assert (shown["document"], shown["filename"], shown["version"]) == (received["id"], "办法.md", 1)
    assert (shown["progress"], shown["error"], shown["attempts"]) == (0.0, None, 0)
    library.work()
    done = library.client.get(f"{API}/jobs?document={received['id']}&status=done").json()["results"]
    assert [(j["id"], j["status"], j["progress"]) for j in done] == [(received["job"], "done", 1.0)]
    assert done[0]["finished_at"]
    assert library.client.get(f"{API}/jobs?status=failed").json()["results"] == []
    assert library.client.get(f"{API}/jobs?document=x").status_code == 422


def test_a_waiting_job_is_cancelled_at_once_and_may_be_tried_again(library: Library) -> None:
    received = library.upload().json()
    cancelled = library.client.post(f"{API}/jobs/{received['job']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert library.document(received["id"])["status"] == "cancelled"
    library.work()
    assert library.document(received["id"])["status"] == "cancelled"
    retried = library.client.post(f"{API}/jobs/{received['job']}/retry")
    assert (retried.status_code, retried.json()["status"]) == (202, "queued")
    library.work()
    assert library.document(received["id"])["status"] == "ready"


def test_cancelling_between_the_stages_removes_what_was_built(library: Library) -> None:
    received = library.upload().json()
    parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    assert library.traces()["documents_passage"] == 1
    assert library.document(received["id"])["status"] == "embedding"
    library.client.post(f"{API}/jobs/{received['job']}/cancel")
    counts = library.traces()
    assert (counts["documents_passage"], counts["rag_vector"], counts["documents_document"]) == (0, 0, 1)


def test_a_worker_hears_of_the_cancellation(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is cancelled while the worker holds it: the worker stops at the next fence and cleans up."""
    received = library.upload().json()
    parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    answers: list[tuple[int, str]] = []
    load = indexing._load

    def cancel_then_load(*args: object) -> None:
        response = library.client.post(f"{API}/jobs/{received['job']}/cancel")
        answers.append((response.status_code, response.json()["status"]))
        load(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(indexing, "_load", cancel_then_load)
    indexing.index(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
    assert answers == [(200, "running")]
    assert library.document(received["id"])["status"] == "cancelled"
    counts = library.traces()
    assert (counts["documents_passage"], counts["rag_vector"], counts["rag_posting"]) == (0, 0, 0)


def test_sending_a_cancelled_file_again_tries_it_again(library: Library) -> None:
    received = library.upload().json()
    library.client.post(f"{API}/jobs/{received['job']}/cancel")
    again = library.upload()
    assert again.status_code == 202
    assert again.json() == {**received, "status": "queued"}
    library.work()
    assert library.document(received["id"])["status"] == "ready"


def test_a_job_that_has_ended_is_not_cancelled(library: Library) -> None:
    document = library.indexed()
    job = document["versions"][0]["job"]
    refused = library.client.post(f"{API}/jobs/{job}/cancel")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_ended")
    refused = library.client.post(f"{API}/jobs/{job}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_ended")
    assert library.document(document["id"]) == document


def test_an_outdated_version_is_not_tried_again(library: Library) -> None:
    first = library.upload("第一版", "a.txt").json()
    library.client.post(f"{API}/jobs/{first['job']}/cancel")
    library.indexed("第二版", "a.txt")
    refused = library.client.post(f"{API}/jobs/{first['job']}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "version_outdated")
    assert library.document(first["id"])["live_version"] == 2


def test_others_may_neither_cancel_nor_retry(library: Library) -> None:
    received = library.upload().json()
    path = f"{API}/jobs/{received['job']}"
    reader = library.organisation.key(library.organisation.finance, KeyScope.DOCUMENTS_READ).client
    energy = library.organisation.key(library.organisation.energy).client
    assert reader.get(path).status_code == 200
    assert reader.post(f"{path}/cancel").status_code == 403
    assert energy.get(path).status_code == 404
    assert energy.post(f"{path}/cancel").status_code == 404
    assert energy.post(f"{path}/retry").status_code == 404
    assert energy.get(f"{API}/jobs").json()["results"] == []
    assert job_row(library, received["job"]).status == JobStatus.QUEUED


def test_an_older_version_never_replaces_a_newer_one(library: Library) -> None:
    first = library.upload("第一版。", "a.txt").json()
    second = library.upload("第二版。", "a.txt").json()
    for stage in (parsing.parse, indexing.index):
        stage(tenant_id=library.tenant_id, job_id=UUID(second["job"]))
    library.work()
    document = library.document(first["id"])
    assert (document["status"], document["live_version"]) == ("ready", 2)
    assert [(v["number"], v["status"]) for v in document["versions"]] == [(2, "ready"), (1, "cancelled")]
    assert library.traces()["documents_passage"] == 1


class TestFailures:
    def test_a_service_that_is_down_is_asked_again_later(
        self, library: Library, embeddings: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inference.embedding.client.time.sleep", lambda _seconds: None)
        received = library.upload().json()
        embeddings.embedding_failures = [(500, {})] * 4
        library.work()
        job = job_row(library, received["job"])
        assert (job.status, job.stage, job.attempts, job.lease) == (JobStatus.QUEUED, JobStage.EMBED, 0, None)
        assert job.lease_until is not None
        indexing.index(tenant_id=library.tenant_id, job_id=job.pk)
        assert job_row(library, received["job"]).waits == 1  # not due yet
        self._make_due(library, job)
        indexing.index(tenant_id=library.tenant_id, job_id=job.pk)
        assert library.document(received["id"])["status"] == "ready"

    def test_an_outage_is_waited_out_with_the_reason_on_the_job(
        self, library: Library, embeddings: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inference.embedding.client.time.sleep", lambda _seconds: None)
        received = library.upload().json()
        path = f"{API}/jobs/{received['job']}"
        assert library.client.get(path).json()["waiting"] is None
        embeddings.embedding_failures = [(503, {})] * 40
        library.work()
        for _ in range(9):
            job = job_row(library, received["job"])
            assert job.status == JobStatus.QUEUED
            self._make_due(library, job)
            indexing.index(tenant_id=library.tenant_id, job_id=job.pk)
        shown = library.client.get(path).json()
        assert (shown["status"], shown["error"], shown["attempts"]) == ("queued", None, 0)
        assert shown["waiting"]["code"] == "embedding_unavailable"
        job = job_row(library, received["job"])
        assert job.waits == 10
        assert job.lease_until is not None
        assert 290 < (job.lease_until - job.updated_at).total_seconds() <= 300
        self._make_due(library, job)
        indexing.index(tenant_id=library.tenant_id, job_id=job.pk)
        shown = library.client.get(path).json()
        assert (shown["status"], shown["waiting"], shown["error"]) == ("done", None, None)

    def test_a_job_that_waits_for_a_service_can_be_cancelled(
        self, library: Library, embeddings: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("inference.embedding.client.time.sleep", lambda _seconds: None)
        received = library.upload().json()
        embeddings.embedding_failures = [(503, {})] * 4
        library.work()
        cancelled = library.client.post(f"{API}/jobs/{received['job']}/cancel").json()
        assert (cancelled["status"], cancelled["waiting"], cancelled["error"]) == ("cancelled", None, None)
        counts = library.traces()
        assert (counts["documents_passage"], counts["rag_vector"], counts["rag_posting"]) == (0, 0, 0)

    def test_a_refusal_is_final(self, library: Library, embeddings: FakeEngine) -> None:
        received = library.upload().json()
        embeddings.embedding_failures = [(400, {})]
        library.work()
        assert library.document(received["id"])["error"]["code"] == "embedding_rejected"

    def test_another_model_is_never_mixed_in(self, library: Library, embeddings: FakeEngine) -> None:
        received = library.upload().json()
        embeddings.models = ("bge-m3",)
        library.work()
        assert library.document(received["id"])["error"]["code"] == "embedding_model_changed"
        assert library.traces()["rag_vector"] == 0

    def test_a_file_that_keeps_killing_its_worker_fails_after_three_attempts(self, library: Library) -> None:
        received = library.upload().json()
        job_id = UUID(received["job"])
        for _ in range(3):
            assert leases.claim(tenant_id=library.tenant_id, job_id=job_id, stage=JobStage.PARSE)
            self._expire(library, job_id)
        parsing.parse(tenant_id=library.tenant_id, job_id=job_id)
        document = library.document(received["id"])
        assert (document["status"], document["error"]["code"]) == ("failed", "parse_crashed")

    @pytest.mark.parametrize(
        "error", [ConnectionError("no route"), OSError(errno.ENOSPC, "full"), RuntimeError("botocore's own")]
    )
    def test_a_store_that_is_down_is_waited_for_and_not_held_against_the_file(
        self, library: Library, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        received = library.upload().json()
        with monkeypatch.context() as patch:
            patch.setattr(FileSystemStorage, "open", Mock(side_effect=error))
            library.work()
            for _ in range(5):
                self._make_due(library, job_row(library, received["job"]))
                parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
            shown = library.client.get(f"{API}/jobs/{received['job']}").json()
            assert (shown["status"], shown["stage"], shown["attempts"]) == ("queued", "parse", 0)
            assert shown["waiting"]["code"] == "storage_unavailable"
            down = library.client.get(f"{API}/documents/{received['id']}/content")
            assert (down.status_code, down.json()["code"]) == (503, "storage_unavailable")
        self._make_due(library, job_row(library, received["job"]))
        parsing.parse(tenant_id=library.tenant_id, job_id=UUID(received["job"]))
        library.work()
        assert library.document(received["id"])["status"] == "ready"

    def test_a_full_disk_is_no_lost_file(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        received = library.upload().json()
        full = Mock(side_effect=OSError(errno.ENOSPC, "full"))
        monkeypatch.setattr("controlplane.documents.storage.tempfile.TemporaryFile", full)
        library.work()
        shown = library.client.get(f"{API}/jobs/{received['job']}").json()
        assert (shown["status"], shown["waiting"]["code"]) == ("queued", "storage_unavailable")

    def test_an_upload_that_cannot_be_stored_leaves_nothing(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(FileSystemStorage, "save", Mock(side_effect=OSError(errno.ENOSPC, "full")))
        refused = library.upload()
        assert (refused.status_code, refused.json()["code"]) == (503, "storage_unavailable")
        assert library.traces()["documents_document"] == 0

    def test_damaged_bytes_are_replaced_by_sending_the_file_again(self, library: Library) -> None:
        from controlplane.documents.storage import store

        received = library.upload().json()
        with tenant_scope(library.tenant_id):
            blob = Version.objects.select_related("blob").get().blob
        store().delete(blob.path)
        store().save(blob.path, ContentFile(b"x" * blob.size))
        library.work()
        assert library.document(received["id"])["error"]["code"] == "file_missing"
        assert library.upload().status_code == 202
        library.work()
        assert library.document(received["id"])["status"] == "ready"

    def test_bytes_of_a_ready_document_that_were_lost_come_back_with_the_file(self, library: Library) -> None:
        from controlplane.documents.storage import store

        document = library.indexed()
        with tenant_scope(library.tenant_id):
            path = Version.objects.select_related("blob").get().blob.path
        store().delete(path)
        content = f"{API}/documents/{document['id']}/content"
        assert library.client.get(content).json()["code"] == "file_missing"
        assert library.upload().status_code == 200
        assert library.client.get(content).status_code == 200

    def test_lost_bytes_are_noticed(self, library: Library) -> None:
        from controlplane.documents.storage import store

        received = library.upload().json()
        with tenant_scope(library.tenant_id):
            path = Version.objects.select_related("blob").get().blob.path
        store().delete(path)
        library.work()
        document = library.document(received["id"])
        assert (document["status"], document["error"]["code"]) == ("failed", "file_missing")
        assert (
            library.client.get(f"{API}/documents/{received['id']}/content").json()["code"] == "file_missing"
        )
        assert library.upload().status_code == 202
        library.work()
        assert library.document(received["id"])["status"] == "ready"

    def _make_due(self, library: Library, job: IndexJob) -> None:
        with tenant_scope(library.tenant_id):
            IndexJob.objects.filter(pk=job.pk).update(lease_until=F("created_at"))

    def _expire(self, library: Library, job_id: UUID) -> None:
        with tenant_scope(library.tenant_id):
            IndexJob.objects.filter(pk=job_id).update(lease_until=F("created_at"))


class TestPublishing:
    """Something that should not happen has removed what was built, just before the version goes live."""

    def _once_before_publishing(
        self, library: Library, monkeypatch: pytest.MonkeyPatch, *statements: str
    ) -> None:
        publish, left = indexing.publish, list(statements)

        def interfere(*, lease: leases.Lease) -> publishing.Published:
            with tenant_scope(library.tenant_id), connection.cursor() as cursor:
                while left:
                    cursor.execute(left.pop(0), [library.tenant_id])
            return publish(lease=lease)

        monkeypatch.setattr(indexing, "publish", interfere)

    def test_missing_vectors_are_made_again(self, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
        remove = "DELETE FROM rag_vector WHERE tenant_id = %s"
        self._once_before_publishing(library, monkeypatch, remove)
        assert library.indexed()["status"] == "ready"
        assert library.traces()["rag_vector"] == 1

    def test_a_version_without_passages_is_read_again(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tables = ("rag_vector", "rag_segment", "documents_passage")
        removals = [f"DELETE FROM {table} WHERE tenant_id = %s" for table in tables]
        self._once_before_publishing(library, monkeypatch, *removals)
        document = library.indexed()
        assert (document["status"], document["chunks"]) == ("ready", 1)
        counts = library.traces()
        assert (counts["documents_passage"], counts["rag_vector"], counts["rag_segment"]) == (1, 1, 1)


class TestLeases:
    def test_one_worker_at_a_time(self, library: Library) -> None:
        job_id = UUID(library.upload().json()["job"])
        claim = {"tenant_id": library.tenant_id, "job_id": job_id}
        assert leases.claim(**claim, stage=JobStage.EMBED) is None
        first = leases.claim(**claim, stage=JobStage.PARSE)
        assert first is not None
        assert leases.claim(**claim, stage=JobStage.PARSE) is None

    def test_a_worker_that_lost_its_lease_writes_nothing(self, library: Library) -> None:
        job_id = UUID(library.upload().json()["job"])
        claim = {"tenant_id": library.tenant_id, "job_id": job_id, "stage": JobStage.PARSE}
        slow = leases.claim(**claim)
        assert slow is not None
        with tenant_scope(library.tenant_id):
            IndexJob.objects.filter(pk=job_id).update(lease_until=F("created_at"))
        second = leases.claim(**claim)
        assert second is not None
        assert second.attempts == 2
        with pytest.raises(leases.LeaseLostError), leases.fenced(slow):
            raise AssertionError("the block must not run")
        with leases.fenced(second) as job:
            assert job.pk == job_id

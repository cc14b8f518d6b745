"""A change of the embedding model: beside the index in use, then at once, and never mixed."""

from uuid import UUID

from django.db import connection

from controlplane.core.scope import tenant_scope
from controlplane.documents.models import EmbeddingSpace, IndexJob, JobStage, KnowledgeBase
from controlplane.documents.services import (
    indexing,
    leases,
    parsing,
    publishing,
    reindexing,
    sweeping,
)
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.conftest import DIMENSION, MODEL
from tests.controlplane.documents.library import API, Library
from tests.fakes.engine import FakeEngine


def vectors(library: Library) -> dict[str, int]:
    """Vectors by version of the model."""
    with tenant_scope(library.tenant_id), connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.version, count(*) FROM rag_vector v JOIN documents_embeddingspace s ON s.id = v.space_id"
            " WHERE v.tenant_id = %s GROUP BY s.version",
            [library.tenant_id],
        )
        return dict(cursor.fetchall())


def active(library: Library) -> tuple[str, str | None]:
    shown = library.client.get(f"{API}/knowledge-bases/{library.base}").json()
    going = shown["reindexing_to"]
    return shown["embedding"]["version"], going["version"] if going else None


def change_model(library: Library, version: str) -> None:
    """The base's index was made by that version of the model; the service serves another (none)."""
    with tenant_scope(library.tenant_id):
        EmbeddingSpace.objects.filter(tenant_id=library.tenant_id, version="").update(version=version)


def reindex(library: Library) -> tuple[int, str, int]:
    response = library.client.post(f"{API}/knowledge-bases/{library.base}/reindex")
    body = response.json()
    return response.status_code, body.get("code", ""), body.get("jobs", -1)


def test_the_new_index_takes_over_when_it_is_complete(library: Library) -> None:
    for number in range(3):
        library.indexed(f"文件 {number} 的内容。", f"{number}.txt")
    assert reindex(library) == (409, "index_current", -1)
    change_model(library, "old")
    assert reindex(library) == (202, "", 3)
    assert active(library) == ("old", "")
    assert vectors(library) == {"old": 3}
    jobs = library.client.get(f"{API}/jobs?status=queued").json()["results"]
    assert {(j["kind"], j["stage"]) for j in jobs} == {("reindex", "embed")}
    library.work()
    assert active(library) == ("", None)
    assert vectors(library) == {"": 3}
    counts = library.traces()
    assert (counts["documents_passage"], counts["rag_segment"]) == (3, 3)


def test_what_is_uploaded_meanwhile_is_in_the_new_index_too(library: Library) -> None:
    first = library.indexed("文件一的内容。", "1.txt")
    change_model(library, "old")
    reindex(library)
    second = library.upload("文件二的内容。", "2.txt").json()
    replaced = library.upload("文件一的新内容。", "1.txt").json()
    library.work()
    assert active(library) == ("", None)
    assert vectors(library) == {"": 2}
    for id_ in (first["id"], second["id"], replaced["id"]):
        assert library.document(id_)["status"] == "ready"


def test_a_job_that_began_for_the_old_index_moves_to_the_new_one(
    library: Library, embeddings: FakeEngine
) -> None:
    change_model(library, "old")
    received = library.upload("文件一的内容。", "1.txt").json()  # for the index made by the old version
    change_to_new = reindex(library)
    assert change_to_new == (202, "", 0)
    assert active(library) == ("", None)  # an empty base changes over at once
    library.work()
    assert library.document(received["id"])["status"] == "ready"
    assert vectors(library) == {"": 1}


def test_going_back_to_an_earlier_model_embeds_everything_again(library: Library) -> None:
    library.indexed("文件一的内容。", "1.txt")
    change_model(library, "old")
    reindex(library)
    library.work()
    with tenant_scope(library.tenant_id):
        EmbeddingSpace.objects.filter(version="").update(version="other")
        EmbeddingSpace.objects.filter(version="old").update(version="")
    assert reindex(library) == (202, "", 1)
    assert vectors(library) == {"other": 1}
    library.work()
    assert vectors(library) == {"": 1}


def bring_back_model(library: Library, version: str) -> None:
    """The service serves again what made the spaces of that version; what it served until now was "new"."""
    with tenant_scope(library.tenant_id):
        EmbeddingSpace.objects.filter(version="").update(version="new")
        EmbeddingSpace.objects.filter(version=version).update(version="")


class TestBringingTheFormerModelBack:
    def test_gives_the_reindexing_up_and_keeps_the_index(self, library: Library) -> None:
        for number in range(3):
            library.indexed(f"文件 {number} 的内容。", f"{number}.txt")
        change_model(library, "old")
        assert reindex(library) == (202, "", 3)
        bring_back_model(library, "old")
        assert reindex(library) == (202, "", 0)
        assert (active(library), vectors(library)) == (("", None), {"": 3})
        jobs = library.client.get(f"{API}/jobs").json()["results"]
        assert {job["status"] for job in jobs if job["kind"] == "reindex"} == {"cancelled"}
        library.work()
        assert vectors(library) == {"": 3}
        assert library.traces()["rag_segment"] == 3
        assert reindex(library) == (409, "index_current", -1)

    def test_embeds_what_went_live_in_the_other_space_only(self, library: Library) -> None:
        library.indexed("文件一的内容。", "1.txt")
        change_model(library, "old")
        reindex(library)
        second = library.upload("文件二的内容。", "2.txt").json()
        for stage in (parsing.parse, indexing.index):
            stage(tenant_id=library.tenant_id, job_id=UUID(second["job"]))
        assert vectors(library) == {"old": 1, "": 1}
        bring_back_model(library, "old")
        assert reindex(library) == (202, "", 1)
        library.work()
        assert (active(library), vectors(library)) == (("", None), {"": 2, "new": 1})
        reindexing.strays_remove(tenant_id=library.tenant_id)
        assert vectors(library) == {"": 2}
        assert library.traces()["rag_segment"] == 2

    def test_asking_again_makes_up_for_a_cancelled_job(self, library: Library) -> None:
        library.indexed("文件一的内容。", "1.txt")
        with tenant_scope(library.tenant_id), connection.cursor() as cursor:
            cursor.execute("DELETE FROM rag_vector WHERE tenant_id = %s", [library.tenant_id])
        assert reindex(library) == (202, "", 1)
        assert reindex(library) == (409, "index_current", -1)
        library.work()
        assert vectors(library) == {"": 1}

    def test_moves_jobs_that_began_for_the_other_space(self, library: Library) -> None:
        library.indexed("文件一的内容。", "1.txt")
        change_model(library, "old")
        reindex(library)
        second = library.upload("文件二的内容。", "2.txt").json()
        bring_back_model(library, "old")
        reindex(library)
        library.work()
        assert library.document(second["id"])["status"] == "ready"
        assert vectors(library) == {"": 2}

    def test_a_job_that_appeared_meanwhile_ends_by_itself(self, library: Library) -> None:
        library.indexed("文件一的内容。", "1.txt")
        change_model(library, "old")
        reindex(library)
        bring_back_model(library, "old")
        with tenant_scope(library.tenant_id):
            KnowledgeBase.objects.update(next_space=None)
        library.work()
        jobs = library.client.get(f"{API}/jobs").json()["results"]
        assert [(job["kind"], job["status"]) for job in jobs] == [
            ("reindex", "cancelled"),
            ("index", "done"),
        ]
        assert vectors(library) == {"": 1}

    def test_stops_a_worker_that_is_busy_with_it(self, library: Library) -> None:
        library.indexed("文件一的内容。", "1.txt")
        change_model(library, "old")
        reindex(library)
        with tenant_scope(library.tenant_id):
            job = IndexJob.objects.get(kind="reindex")
        assert leases.claim(tenant_id=library.tenant_id, job_id=job.pk, stage=JobStage.EMBED)
        bring_back_model(library, "old")
        reindex(library)
        with tenant_scope(library.tenant_id):
            job.refresh_from_db()
        assert (job.status, job.cancel_requested) == ("running", True)
        assert vectors(library) == {"": 1}


def test_a_base_that_would_move_to_where_it_is_loses_nothing(library: Library) -> None:
    library.indexed("文件一的内容。", "1.txt")
    with tenant_scope(library.tenant_id):
        base = KnowledgeBase.objects.get()
        base.next_space_id = base.space_id
        assert not publishing.switch_if_complete(base=base)
    assert vectors(library) == {"": 1}


def test_deleting_the_last_document_that_was_waited_for_finishes_it(library: Library) -> None:
    document = library.indexed("文件一的内容。", "1.txt")
    change_model(library, "old")
    reindex(library)
    library.client.delete(f"{API}/documents/{document['id']}")
    assert active(library) == ("old", "")
    sweeping.reindexing_finish(tenant_id=library.tenant_id)
    assert active(library) == ("", None)


def test_only_those_who_may_write_change_the_model(library: Library) -> None:
    library.indexed()
    change_model(library, "old")
    reader = library.organisation.key(library.organisation.finance, KeyScope.DOCUMENTS_READ).client
    assert reader.post(f"{API}/knowledge-bases/{library.base}/reindex").status_code == 403
    with tenant_scope(library.tenant_id):
        assert KnowledgeBase.objects.get().next_space_id is None
        space = EmbeddingSpace.objects.get()
    assert (space.model, space.dimension) == (MODEL, DIMENSION)

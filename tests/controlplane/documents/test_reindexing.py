"""A change of the embedding model: beside the index in use, then at once, and never mixed."""

from django.db import connection

from controlplane.core.scope import tenant_scope
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.documents.services import sweeping
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
    failed = library.document(received["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "embedding_model_changed")
    assert library.client.post(f"{API}/jobs/{received['job']}/retry").status_code == 202
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

"""Reading a file again, and making the file of an earlier version the newest."""

import pytest

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import IndexJob, JobStatus, Version
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, TEXT, Library
from tests.controlplane.organisations import make_organisation

NEWER = TEXT.replace("三年", "五年")


def replaced(library: Library) -> str:
    id_: str = library.indexed()["id"]
    library.indexed(NEWER)
    return id_


def passages(library: Library, id_: str) -> str:
    pages = library.client.get(f"{API}/documents/{id_}/content?page=1").json()["passages"]
    return "".join(passage["text"] for passage in pages)


def test_a_document_is_read_again_beside_the_version_that_answers(library: Library) -> None:
    id_ = library.indexed()["id"]
    answer = library.client.post(f"{API}/documents/{id_}/reindex")
    assert (answer.status_code, answer.json()["version"], answer.json()["status"]) == (202, 2, "queued")
    between = library.document(id_)
    assert (between["live_version"], between["answerable"], between["status"]) == (1, True, "queued")
    library.work()
    after = library.document(id_)
    assert (after["live_version"], after["status"]) == (2, "ready")
    assert "三年" in passages(library, id_)


def test_what_failed_is_tried_again_as_the_version_it_is(library: Library) -> None:
    id_ = library.indexed(b"%PDF-1.4 broken", "a.pdf")["id"]
    assert library.document(id_)["status"] == "failed"
    answer = library.client.post(f"{API}/documents/{id_}/reindex")
    assert (answer.status_code, answer.json()["version"], answer.json()["status"]) == (202, 1, "queued")


def test_an_earlier_version_comes_back(library: Library) -> None:
    id_ = replaced(library)
    assert "五年" in passages(library, id_)
    answer = library.client.post(f"{API}/documents/{id_}/versions/1/restore")
    assert (answer.status_code, answer.json()["version"]) == (202, 3)
    library.work()
    assert library.document(id_)["live_version"] == 3
    assert "三年" in passages(library, id_)
    with tenant_scope(library.tenant_id):
        event = event_list(tenant_id=library.tenant_id, action="document.restored").get()
    assert event.data == {"version": 3, "of": 1}


def test_each_version_is_downloaded_as_it_was(library: Library) -> None:
    id_ = replaced(library)
    for number, content in ((1, TEXT), (2, NEWER)):
        answer = library.client.get(f"{API}/documents/{id_}/content?version={number}")
        assert b"".join(answer.streaming_content) == content.encode()
    for number, status in ((3, 404), (0, 422), ("x", 422), (2**40, 404)):
        assert library.client.get(f"{API}/documents/{id_}/content?version={number}").status_code == status


@pytest.mark.parametrize("work", ["reindex", "versions/1/restore"])
def test_one_at_a_time(library: Library, work: str) -> None:
    id_ = library.upload().json()["id"]
    answer = library.client.post(f"{API}/documents/{id_}/{work}")
    assert (answer.status_code, answer.json()["code"]) == (409, "document_busy")
    assert [version["number"] for version in library.document(id_)["versions"]] == [1]


def test_a_version_that_is_none(library: Library) -> None:
    id_ = library.indexed()["id"]
    for number in (7, 2**40):
        answer = library.client.post(f"{API}/documents/{id_}/versions/{number}/restore")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("work", ["documents/{document}/reindex", "documents/{document}/versions/1/restore"])
def test_nobody_else_may(library: Library, work: str) -> None:
    id_ = library.indexed()["id"]
    organisation, other = library.organisation, make_organisation()
    reader = organisation.key(organisation.finance, KeyScope.DOCUMENTS_READ)
    for key, status in (
        (reader, 403),
        (organisation.key(organisation.energy), 404),
        (other.key(other.root), 404),
    ):
        assert key.client.post(f"{API}/{work.format(document=id_)}").status_code == status
    with tenant_scope(library.tenant_id):
        assert Version.objects.filter(document_id=id_).count() == 1


def test_all_that_failed_in_a_base_is_tried_again(library: Library) -> None:
    library.indexed()
    for number in range(3):
        library.indexed(f"%PDF-1.4 broken {number}", f"{number}.pdf")
    answer = library.client.post(f"{API}/knowledge-bases/{library.base}/retry-failed")
    assert (answer.status_code, answer.json()) == (202, {"jobs": 3})
    with tenant_scope(library.tenant_id):
        assert IndexJob.objects.filter(status=JobStatus.QUEUED).count() == 3
        event = event_list(tenant_id=library.tenant_id, action="knowledge_base.jobs_retried").get()
    assert len(event.data["jobs"]) == 3
    again = library.client.post(f"{API}/knowledge-bases/{library.base}/retry-failed")
    assert again.json() == {"jobs": 0}


def test_nobody_else_tries_again(library: Library) -> None:
    library.indexed(b"%PDF-1.4 broken", "a.pdf")
    organisation, other = library.organisation, make_organisation()
    reader = organisation.key(organisation.finance, KeyScope.DOCUMENTS_READ)
    for key, status in (
        (reader, 403),
        (organisation.key(organisation.energy), 404),
        (other.key(other.root), 404),
    ):
        assert key.client.post(f"{API}/knowledge-bases/{library.base}/retry-failed").status_code == status
    with tenant_scope(library.tenant_id):
        assert IndexJob.objects.get().status == JobStatus.FAILED


def test_a_base_tells_how_its_documents_stand(library: Library) -> None:
    library.indexed()
    library.indexed(b"%PDF-1.4 broken", "a.pdf")
    library.upload("# 新\n\n内容。", "新.md")
    shown = library.client.get(f"{API}/knowledge-bases/{library.base}").json()
    counts = {name: shown[name] for name in ("documents", "ready", "indexing", "failed")}
    assert counts == {"documents": 3, "ready": 1, "indexing": 1, "failed": 1}
    assert shown["changed_at"]
    listed = library.client.get(f"{API}/knowledge-bases").json()["results"]
    assert listed == [shown]


def test_documents_are_followed_together(library: Library) -> None:
    ids = [library.upload(f"# {n}\n\n内容。", f"{n}.md").json()["id"] for n in range(3)]
    path = f"{API}/documents?ids={ids[0]},{ids[2]}"
    assert {one["id"] for one in library.client.get(path).json()["results"]} == {ids[0], ids[2]}
    other = make_organisation()
    assert other.key(other.root).client.get(path).json()["results"] == []
    assert library.client.get(f"{API}/documents?ids=").json()["results"] == []
    for junk in ("x", ",".join([ids[0]] * 201)):
        answer = library.client.get(f"{API}/documents", {"ids": junk})
        assert (answer.status_code, answer.json()["field"]) == (422, "ids")
    found = {
        status: len(library.client.get(f"{API}/documents?status={status}").json()["results"])
        for status in ("queued", "ready")
    }
    assert found == {"queued": 3, "ready": 0}


def test_jobs_are_listed_by_whether_they_are_open_and_when_they_ended(library: Library) -> None:
    library.indexed()
    waits = library.upload("# 新\n\n内容。", "新.md").json()["job"]
    jobs = {
        query: [job["id"] for job in library.client.get(f"{API}/jobs?{query}").json()["results"]]
        for query in (
            "status=open",
            "status=done&from=2000-01-01T00:00:00Z",
            "from=2999-01-01T00:00:00%2B08:00",
        )
    }
    assert list(map(len, jobs.values())) == [1, 1, 0]
    assert jobs["status=open"] == [waits]
    answer = library.client.get(f"{API}/jobs?from=yesterday")
    assert (answer.status_code, answer.json()["field"]) == (422, "from")

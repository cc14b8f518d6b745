"""Documents over REST, once they are there."""

import hashlib
from pathlib import Path
from uuid import UUID

import pytest

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents import selectors
from controlplane.documents.services import indexing, parsing
from controlplane.documents.storage import blob_path, store
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, TEXT, Library
from tests.controlplane.organisations import make_organisation

NOTHING_LEFT = {
    "documents_document": 0,
    "documents_version": 0,
    "documents_indexjob": 0,
    "documents_passage": 0,
    "documents_blob": 0,
    "rag_vector": 0,
    "rag_segment": 0,
    "rag_posting": 0,
}


def stored(library: Library, content: str = TEXT) -> bool:
    digest = hashlib.sha256(content.encode()).hexdigest()
    return store().exists(blob_path(tenant_id=library.tenant_id, sha256=digest))


def test_deleting_removes_every_trace(library: Library) -> None:
    document = library.indexed()
    assert stored(library)
    response = library.client.delete(f"{API}/documents/{document['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert library.traces() == NOTHING_LEFT
    assert not stored(library)
    assert library.client.get(f"{API}/documents/{document['id']}").status_code == 404


def test_bytes_stay_while_another_document_has_them(library: Library) -> None:
    first = library.indexed()
    other = library.client.post(
        f"{API}/knowledge-bases", {"name": "Second", "department": "finance"}, format="json"
    ).json()["id"]
    second = Library(library.organisation, library.key, other).indexed()
    library.client.delete(f"{API}/documents/{first['id']}")
    assert stored(library)
    assert library.client.get(f"{API}/documents/{second['id']}/content").status_code == 200
    library.client.delete(f"{API}/documents/{second['id']}")
    assert not stored(library)


@pytest.mark.parametrize("stage", ["queued", "parsed"])
def test_deleting_in_the_middle_leaves_nothing_for_the_worker_to_do(library: Library, stage: str) -> None:
    received = library.upload().json()
    job = UUID(received["job"])
    if stage == "parsed":
        parsing.parse(tenant_id=library.tenant_id, job_id=job)
        assert library.traces()["documents_passage"] == 1
    assert library.client.delete(f"{API}/documents/{received['id']}").status_code == 204
    parsing.parse(tenant_id=library.tenant_id, job_id=job)
    indexing.index(tenant_id=library.tenant_id, job_id=job)
    assert library.traces() == NOTHING_LEFT


def test_nobody_else_deletes_or_changes_a_document(library: Library) -> None:
    document = library.indexed()
    before = library.traces()
    reader = library.organisation.key(library.organisation.finance, KeyScope.DOCUMENTS_READ).client
    energy = library.organisation.key(library.organisation.energy).client
    stranger_org = make_organisation()
    stranger = stranger_org.key(stranger_org.root, *KeyScope.values, clearance=Secrecy.SECRET).client
    path = f"{API}/documents/{document['id']}"
    for client, status in ((reader, 403), (energy, 404), (stranger, 404)):
        assert client.delete(path).status_code == status
        assert client.patch(path, {"secrecy": "public"}, format="json").status_code == status
    for client in (energy, stranger):
        assert client.get(path).status_code == 404
        assert client.get(f"{path}/content").status_code == 404
        assert client.get(f"{path}/content?page=1").status_code == 404
    assert library.traces() == before
    assert library.document(document["id"]) == document


def test_a_change_of_secrecy_takes_effect_at_once(library: Library) -> None:
    document = library.indexed()
    path = f"{API}/documents/{document['id']}"
    low = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL).client
    assert low.get(path).status_code == 200
    for bad in ('{"metadata": {"a": "\\u0000"}}', '{"metadata": {"a": 1e999}}', '{"metadata": {"a": NaN}}'):
        refused = library.client.patch(path, bad, content_type="application/json")
        assert refused.status_code in (400, 422), bad
    raised = library.client.patch(path, {"secrecy": "confidential", "metadata": {"a": 1}}, format="json")
    assert (raised.status_code, raised.json()["secrecy"]) == (200, "confidential")
    assert raised.json()["metadata"] == {"a": 1}
    assert low.get(path).status_code == 404
    assert low.get(f"{path}/content").status_code == 404
    lowered = library.client.patch(path, {"secrecy": "public"}, format="json")
    assert lowered.json()["secrecy"] == "internal"  # the base's own level is the least


def test_a_change_that_read_the_document_earlier_undoes_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = library.indexed()
    path = f"{API}/documents/{document['id']}"
    with tenant_scope(library.tenant_id):
        stale = selectors.document_get(tenant_id=library.tenant_id, document_id=UUID(document["id"]))
    base = {"secrecy": "confidential"}
    library.client.patch(f"{API}/knowledge-bases/{library.base}", base, format="json")
    library.client.patch(path, {"metadata": {"a": 1}}, format="json")
    monkeypatch.setattr(selectors, "document_get", lambda **_: stale)
    changed = library.client.patch(path, {"secrecy": "internal"}, format="json").json()
    assert (changed["secrecy"], changed["metadata"]) == ("confidential", {"a": 1})


def test_nobody_raises_a_document_above_their_clearance(library: Library) -> None:
    document = library.indexed()
    path = f"{API}/documents/{document['id']}"
    response = library.client.patch(path, {"secrecy": "secret"}, format="json")
    assert (response.status_code, response.json()["code"]) == (403, "above_clearance")
    assert library.document(document["id"])["secrecy"] == "internal"


def test_the_source_is_downloaded_as_it_was_uploaded(library: Library) -> None:
    document = library.indexed("<script>alert(1)</script>正文在此。".encode("gb18030"), '报告 "1".html')
    response = library.client.get(f"{API}/documents/{document['id']}/content")
    assert b"".join(response.streaming_content) == "<script>alert(1)</script>正文在此。".encode("gb18030")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == (
        "attachment; filename*=utf-8''%E6%8A%A5%E5%91%8A%20%221%22.html"
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, no-store"


def test_a_page_is_shown_as_its_passages(library: Library, shared_dir: Path) -> None:
    pdf = next((shared_dir / "datasets/office-files/normal").glob("*.pdf"))
    document = library.indexed(pdf.read_bytes(), pdf.name)
    assert document["status"] == "ready"
    path = f"{API}/documents/{document['id']}/content"
    page = library.client.get(f"{path}?page=1").json()
    assert (page["page"], page["pages"], page["version"]) == (1, document["pages"], 1)
    assert page["passages"]
    assert all(p["page"] <= 1 <= p["page_end"] for p in page["passages"])
    beyond = library.client.get(f"{path}?page={document['pages'] + 1}")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "page_not_found")


def test_a_format_without_pages_has_one(library: Library) -> None:
    document = library.indexed()
    path = f"{API}/documents/{document['id']}/content"
    page = library.client.get(f"{path}?page=1").json()
    assert (page["page"], page["pages"]) == (1, 1)
    assert "五百万元以上由分行行长审批。" in page["passages"][0]["text"]
    for wrong in ("0", "-1", "x", "1.5", "٣", "99999999999999999999"):
        response = library.client.get(f"{path}?page={wrong}")
        assert (response.status_code, response.json()["field"]) == (422, "page")


def test_the_answering_version_is_the_one_shown(library: Library) -> None:
    document = library.indexed("第一版。", "a.txt")
    library.upload("第二版。", "a.txt")
    path = f"{API}/documents/{document['id']}/content"
    assert b"".join(library.client.get(path).streaming_content) == "第一版。".encode()
    library.work()
    assert b"".join(library.client.get(path).streaming_content) == "第二版。".encode()
    assert library.client.get(f"{path}?page=1").json()["passages"][0]["text"] == "第二版。"


def test_errors_are_told_in_the_callers_language(library: Library) -> None:
    received = library.upload(" \n", "blank.txt").json()
    library.work()
    path = f"{API}/documents/{received['id']}"
    shown = {
        language: library.client.get(path, headers={"Accept-Language": language}).json()["error"]
        for language in ("en", "zh-CN")
    }
    assert shown["en"]["code"] == shown["zh-CN"]["code"] == "empty_file"
    assert shown["en"]["message"] == "The file is empty."
    assert shown["zh-CN"]["message"] == "文件为空。"

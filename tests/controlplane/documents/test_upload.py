"""Files on their way in."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents import selectors
from controlplane.documents.models import KnowledgeBase
from controlplane.documents.storage import blob_path, store
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, TEXT, Library
from tests.controlplane.organisations import make_organisation


def test_a_file_is_accepted_indexed_and_shown(library: Library) -> None:
    received = library.upload(metadata='{"owner": "总行"}')
    body = received.json()
    assert received.status_code == 202
    assert body == {
        "id": body["id"],
        "version": 1,
        "status": "queued",
        "job": body["job"],
        "filename": "办法.md",
        "secrecy": "internal",
        "metadata": {"owner": "总行"},
    }
    waiting = library.document(body["id"])
    assert (waiting["status"], waiting["progress"], waiting["answerable"]) == ("queued", 0.0, False)
    library.work()
    ready = library.document(body["id"])
    assert ready["status"] == "ready"
    assert ready["progress"] == 1.0
    assert ready["title"] == "信贷管理办法"
    assert ready["metadata"] == {"owner": "总行"}
    assert ready["secrecy"] == "internal"
    assert ready["chunks"] == 1
    assert [(v["number"], v["status"], v["live"]) for v in ready["versions"]] == [(1, "ready", True)]
    assert ready["versions"][0]["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


def test_the_same_bytes_again_give_the_existing_document(library: Library) -> None:
    first = library.indexed()
    before = library.traces()
    again = library.upload()
    assert again.status_code == 200
    assert again.json() == {
        "id": first["id"],
        "version": 1,
        "status": "ready",
        "job": None,
        "filename": "办法.md",
        "secrecy": "internal",
        "metadata": {},
    }
    elsewhere = library.upload(name="另一个名字.md")
    assert (elsewhere.status_code, elsewhere.json()["id"]) == (200, first["id"])
    assert library.traces() == before


def test_other_content_under_the_same_name_is_the_next_version(library: Library) -> None:
    first = library.indexed()
    second = library.upload(TEXT + "附则：自发布之日起施行。\n")
    assert second.status_code == 202
    assert (second.json()["id"], second.json()["version"]) == (first["id"], 2)
    meanwhile = library.document(first["id"])
    assert (meanwhile["status"], meanwhile["answerable"], meanwhile["live_version"]) == ("queued", True, 1)
    library.work()
    replaced = library.document(first["id"])
    assert (replaced["status"], replaced["live_version"]) == ("ready", 2)
    assert [(v["number"], v["live"]) for v in replaced["versions"]] == [(2, True), (1, False)]


def test_a_failed_version_leaves_the_one_before_it_answering(library: Library) -> None:
    first = library.indexed()
    traces = library.traces()
    library.upload("   \n\n \n")
    library.work()
    shown = library.document(first["id"])
    assert shown["status"] == "failed"
    assert shown["error"]["code"] == "empty_file"
    assert shown["error"]["remedy"]
    assert (shown["answerable"], shown["live_version"], shown["chunks"]) == (True, 1, first["chunks"])
    after = library.traces()
    assert {t: n for t, n in after.items() if t.startswith(("rag_", "documents_passage"))} == {
        t: n for t, n in traces.items() if t.startswith(("rag_", "documents_passage"))
    }


def test_bytes_are_stored_once_for_several_documents(library: Library) -> None:
    library.indexed()
    other = library.client.post(
        f"{API}/knowledge-bases", {"name": "Second", "department": "finance"}, format="json"
    ).json()["id"]
    second = Library(library.organisation, library.key, other)
    assert second.upload().status_code == 202
    counts = library.traces()
    assert (counts["documents_document"], counts["documents_blob"]) == (2, 1)
    path = blob_path(tenant_id=library.tenant_id, sha256=hashlib.sha256(TEXT.encode()).hexdigest())
    with store().open(path) as file:
        assert file.read() == TEXT.encode()


def test_the_same_file_from_many_at_once_becomes_one_document(library: Library) -> None:
    def upload(_: int) -> tuple[int, str]:
        try:
            response = library.upload("同一份文件。" * 100, "same.txt")
            return response.status_code, response.json()["id"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(upload, range(6)))
    assert sorted(status for status, _ in answers) == [200, 200, 200, 200, 200, 202]
    assert len({id_ for _, id_ in answers}) == 1
    counts = library.traces()
    assert counts["documents_version"] == counts["documents_blob"] == counts["documents_indexjob"] == 1


def test_many_versions_at_once_are_numbered_without_gaps(library: Library) -> None:
    def upload(number: int) -> int:
        try:
            return int(library.upload(f"版本 {number}\n", "same.txt").json()["version"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert sorted(pool.map(upload, range(5))) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["photo.png", "old.doc", "archive.zip", "program.exe", "macro.docm"])
def test_an_unsupported_kind_is_refused_with_the_list_of_supported_ones(library: Library, name: str) -> None:
    response = library.upload(b"PK\x03\x04 or anything", name)
    body = response.json()
    assert (response.status_code, body["code"], body["field"]) == (415, "unsupported_format", "file")
    assert body["supported"] == ["pdf", "docx", "xlsx", "pptx", "html", "md", "txt", "csv", "eml"]
    assert "pdf" in body["remedy"]
    assert library.traces()["documents_blob"] == 0


def test_an_empty_file_is_refused(library: Library) -> None:
    response = library.upload(b"", "empty.txt")
    assert (response.status_code, response.json()["code"]) == (422, "empty_file")
    assert library.traces()["documents_document"] == 0


def test_a_body_without_a_file_names_the_field(library: Library) -> None:
    response = library.client.post(
        f"{API}/knowledge-bases/{library.base}/documents", {"secrecy": "public"}, format="multipart"
    )
    assert (response.status_code, response.json()["field"]) == (422, "file")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("secrecy", "cosmic"),
        ("metadata", "not json"),
        ("metadata", "[1]"),
        ("metadata", '{"a": "%s"}' % ("x" * 20000)),
        ("metadata", '{"a": NaN}'),
        ("metadata", '{"a": [{"b": -Infinity}]}'),
        ("metadata", '{"a": 1e999}'),
        ("metadata", '{"a": "\\u0000"}'),
        ("metadata", '{"\\u0000": 1}'),
        ("metadata", '{"a": [["\\ud800"]]}'),
        ("metadata", "[" * 9000),
        ("metadata", '{"a": ' * 900 + "1" + "}" * 900),
    ],
)
def test_a_bad_field_is_named(library: Library, field: str, value: str) -> None:
    response = library.upload(**{field: value})
    assert (response.status_code, response.json()["field"]) == (422, field)
    assert library.traces()["documents_document"] == 0


@override_settings(MAX_UPLOAD_BYTES=2000)
def test_a_file_over_the_limit_is_refused(library: Library) -> None:
    response = library.upload(b"x" * 2001, "big.txt")
    body = response.json()
    assert (response.status_code, body["code"], body["limit"]) == (413, "file_too_large", 2000)
    assert library.traces()["documents_document"] == 0
    assert library.upload(b"x" * 2000, "fits.txt").status_code == 202


@override_settings(MAX_UPLOAD_BYTES=2000)
def test_a_body_that_says_it_is_too_long_is_not_read(library: Library) -> None:
    class Unread:
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body was read")

        readline = read

    response = library.client.generic(
        "POST",
        f"{API}/knowledge-bases/{library.base}/documents",
        b"",
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(3 * 1024 * 1024),
        **{"wsgi.input": Unread()},
    )
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")


def test_a_hostile_name_is_kept_displayable(library: Library) -> None:
    response = library.upload("text", "../..\\evil\u202etxt.md")
    assert (response.status_code, response.json()["filename"]) == (202, "eviltxt.md")


def test_the_secrecy_is_the_higher_one_of_base_and_document(library: Library) -> None:
    assert library.indexed("甲", "a.txt", secrecy="public")["secrecy"] == "internal"
    assert library.indexed("乙", "b.txt", secrecy="confidential")["secrecy"] == "confidential"


def test_an_upload_that_read_the_base_before_its_secrecy_was_raised_does_not_undo_it(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = library.indexed()
    with tenant_scope(library.tenant_id):
        stale = KnowledgeBase.objects.get(pk=library.base)
    path = f"{API}/knowledge-bases/{library.base}"
    assert library.client.patch(path, {"secrecy": "confidential"}, format="json").status_code == 200
    monkeypatch.setattr(selectors, "knowledge_base_get", lambda **_: stale)
    new = library.upload("新内容", "新.txt").json()
    assert library.document(new["id"])["secrecy"] == "confidential"
    assert library.upload("新版本").status_code == 202
    assert library.document(known["id"])["secrecy"] == "confidential"


def test_a_base_that_was_raised_above_the_uploader_is_gone_for_them(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL).client
    with tenant_scope(library.tenant_id):
        stale = KnowledgeBase.objects.get(pk=library.base)
    path = f"{API}/knowledge-bases/{library.base}"
    assert library.client.patch(path, {"secrecy": "confidential"}, format="json").status_code == 200
    monkeypatch.setattr(selectors, "knowledge_base_get", lambda **_: stale)
    assert library.upload(client=low).status_code == 404
    assert library.traces()["documents_document"] == 0


def test_a_new_version_never_lowers_the_secrecy(library: Library) -> None:
    document = library.indexed("甲", "a.txt", secrecy="confidential")
    library.indexed("乙", "a.txt", secrecy="internal")
    assert library.document(document["id"])["secrecy"] == "confidential"


def changes_of(library: Library, document_id: str) -> list[Any]:
    admin = library.organisation.key(library.organisation.root, *KeyScope.values).client
    events = admin.get(f"{API}/audit-events?target=document:{document_id}").json()["results"]
    return [event["data"] for event in events if event["action"] == "document.updated"]


def test_the_same_bytes_with_another_secrecy_and_metadata_change_the_document(library: Library) -> None:
    document = library.indexed()
    again = library.upload(secrecy="confidential", metadata='{"a": 1}')
    assert (again.status_code, again.json()["secrecy"]) == (200, "confidential")
    assert again.json()["metadata"] == {"a": 1}
    shown = library.document(document["id"])
    assert (shown["secrecy"], shown["metadata"], shown["version"]) == ("confidential", {"a": 1}, 1)
    assert changes_of(library, document["id"]) == [{"secrecy": "confidential", "metadata": {"a": 1}}]
    lower = library.upload(secrecy="internal", metadata='{"a": 1}').json()
    assert (lower["secrecy"], lower["metadata"]) == ("confidential", {"a": 1})
    assert len(changes_of(library, document["id"])) == 1


def test_nobody_uploads_above_their_clearance(library: Library) -> None:
    response = library.upload(secrecy="secret")
    assert (response.status_code, response.json()["code"]) == (403, "above_clearance")
    assert library.traces()["documents_document"] == 0


def test_a_name_taken_by_a_document_above_ones_clearance_is_a_conflict(library: Library) -> None:
    library.indexed(secrecy="confidential")
    low = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL)
    response = library.upload("其他内容", client=low.client)
    assert (response.status_code, response.json()["code"]) == (409, "filename_taken")
    assert library.traces()["documents_version"] == 1


def test_reading_does_not_allow_uploading(library: Library) -> None:
    reader = library.organisation.key(library.organisation.finance, KeyScope.DOCUMENTS_READ)
    response = library.upload(client=reader.client)
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
    assert library.traces()["documents_document"] == 0


def test_another_department_and_another_tenant_see_no_such_base(library: Library) -> None:
    energy = library.organisation.key(library.organisation.energy)
    stranger_org = make_organisation()
    stranger = stranger_org.key(stranger_org.root, *KeyScope.values)
    for client in (energy.client, stranger.client):
        response = library.upload(client=client)
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert library.traces()["documents_document"] == 0


def test_an_idempotency_key_gives_the_first_answer_again(library: Library) -> None:
    client = library.client
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {library.key.presented}", HTTP_IDEMPOTENCY_KEY="upload-1")
    first = library.upload(client=client)
    second = library.upload(client=client)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert library.traces()["documents_indexjob"] == 1


def test_no_temporary_file_stays_behind(library: Library, tmp_path: Path) -> None:
    with override_settings(FILE_UPLOAD_TEMP_DIR=str(tmp_path), MAX_UPLOAD_BYTES=2000):
        assert library.upload("x" * 1000, "a.txt").status_code == 202
        assert library.upload("x" * 1000, "a.txt").status_code == 200
        assert library.upload("x" * 3000, "b.txt").status_code == 413
    assert list(tmp_path.iterdir()) == []


def test_the_audit_trail_tells_of_upload_and_indexing(library: Library) -> None:
    document = library.indexed()
    admin = library.organisation.key(library.organisation.root, *KeyScope.values).client
    events = admin.get(f"{API}/audit-events?target=document:{document['id']}").json()["results"]
    assert [(e["action"], e["actor"]) for e in events] == [
        ("document.indexed", "system"),
        ("document.uploaded", library.key.principal.actor),
    ]
    assert json.dumps(events[1]["data"], sort_keys=True) == json.dumps(
        {
            "filename": "办法.md",
            "knowledge_base": library.base,
            "secrecy": "internal",
            "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
            "size": len(TEXT.encode()),
            "version": 1,
        }
    )


def test_the_broker_may_be_down(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from controlplane.celery import app

    monkeypatch.setattr(settings, "CELERY_BROKER_URL", "redis://127.0.0.1:1/0", raising=False)
    monkeypatch.setitem(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setitem(app.conf, "broker_write_url", "redis://127.0.0.1:1/0")
    response = library.upload()
    assert response.status_code == 202
    library.work()
    assert library.document(response.json()["id"])["status"] == "ready"

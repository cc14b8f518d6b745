"""Knowledge bases over REST."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.embedding import embedding_client
from controlplane.documents.models import Document, KnowledgeBase
from controlplane.identity.models import KeyScope
from tests.controlplane.documents.library import API, Library
from tests.controlplane.organisations import Organisation, make_organisation
from tests.fakes.engine import FakeEngine


def bases(organisation: Organisation) -> list[str]:
    with tenant_scope(organisation.tenant.pk):
        return list(KnowledgeBase.objects.order_by("name").values_list("name", flat=True))


@pytest.mark.usefixtures("embeddings", "db")
class TestMaking:
    def test_a_base_belongs_to_a_department_and_names_its_model(self, organisation: Organisation) -> None:
        client = organisation.key(organisation.finance).client
        made = client.post(f"{API}/knowledge-bases", {"name": "制度", "department": "lending"}, format="json")
        body = made.json()
        assert made.status_code == 201, body
        assert (body["name"], body["department"], body["secrecy"]) == ("制度", "lending", "internal")
        assert body["department_id"] == str(organisation.lending.pk)
        assert body["embedding"] == {"model": "use-multilingual-v3", "version": "", "dimension": 512}
        assert (body["documents"], body["reindexing_to"]) == (0, None)
        assert client.get(f"{API}/knowledge-bases/{body['id']}").json() == body

    def test_the_department_may_be_named_by_its_id(self, organisation: Organisation) -> None:
        client = organisation.key(organisation.finance).client
        data = {"name": "A", "department": str(organisation.finance.pk), "secrecy": "public"}
        made = client.post(f"{API}/knowledge-bases", data, format="json").json()
        assert (made["department"], made["secrecy"]) == ("finance", "public")

    def test_the_name_is_unique_in_its_department(self, organisation: Organisation) -> None:
        client = organisation.key(organisation.finance).client
        data = {"name": "A", "department": "finance"}
        assert client.post(f"{API}/knowledge-bases", data, format="json").status_code == 201
        taken = client.post(f"{API}/knowledge-bases", data, format="json")
        assert (taken.status_code, taken.json()["code"], taken.json()["field"]) == (409, "name_taken", "name")
        other = client.post(f"{API}/knowledge-bases", {**data, "department": "lending"}, format="json")
        assert other.status_code == 201

    @pytest.mark.parametrize(
        ("data", "status", "code"),
        [
            ({"name": "A", "department": "energy"}, 404, "not_found"),
            ({"name": "A", "department": "nowhere"}, 404, "not_found"),
            ({"name": "A", "department": "finance", "secrecy": "secret"}, 403, "above_clearance"),
            ({"name": "A", "department": "finance", "secrecy": "cosmic"}, 422, "invalid_field"),
            ({"department": "finance"}, 422, "invalid_field"),
            ({"name": "A" * 201, "department": "finance"}, 422, "invalid_field"),
        ],
    )
    def test_what_is_refused_leaves_nothing(
        self, organisation: Organisation, data: dict[str, str], status: int, code: str
    ) -> None:
        response = organisation.key(organisation.finance).client.post(
            f"{API}/knowledge-bases", data, format="json"
        )
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert bases(organisation) == []

    def test_a_reader_makes_none(self, organisation: Organisation) -> None:
        reader = organisation.key(organisation.finance, KeyScope.DOCUMENTS_READ).client
        response = reader.post(
            f"{API}/knowledge-bases", {"name": "A", "department": "finance"}, format="json"
        )
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
        assert bases(organisation) == []

    def test_without_the_embedding_service_the_last_model_is_taken(
        self, organisation: Organisation, embeddings: FakeEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = organisation.key(organisation.finance).client
        monkeypatch.setattr(settings.ENV, "embedding_url", "http://127.0.0.1:9/v1")
        embedding_client.cache_clear()
        down = client.post(f"{API}/knowledge-bases", {"name": "A", "department": "finance"}, format="json")
        assert (down.status_code, down.json()["code"]) == (503, "embedding_unavailable")
        assert down.headers["Retry-After"] == "10"
        monkeypatch.setattr(settings.ENV, "embedding_url", embeddings.base_url)
        embedding_client.cache_clear()
        client.post(f"{API}/knowledge-bases", {"name": "A", "department": "finance"}, format="json")
        monkeypatch.setattr(settings.ENV, "embedding_url", "http://127.0.0.1:9/v1")
        embedding_client.cache_clear()
        second = client.post(f"{API}/knowledge-bases", {"name": "B", "department": "finance"}, format="json")
        assert second.json()["embedding"]["model"] == "use-multilingual-v3"


def test_bases_of_other_departments_and_tenants_do_not_exist(library: Library) -> None:
    energy = library.organisation.key(library.organisation.energy).client
    stranger_org = make_organisation()
    stranger = stranger_org.key(stranger_org.root, *KeyScope.values, clearance=Secrecy.SECRET).client
    path = f"{API}/knowledge-bases/{library.base}"
    for client in (energy, stranger):
        assert client.get(f"{API}/knowledge-bases").json()["results"] == []
        answers = (
            client.get(path),
            client.patch(path, {"name": "mine"}, format="json"),
            client.delete(path),
            client.post(f"{path}/reindex"),
            client.get(f"{path}/documents"),
        )
        assert [(a.status_code, a.json()["code"]) for a in answers] == [(404, "not_found")] * 5
    assert library.client.get(path).json()["name"] == "Rules"


def test_a_raised_secrecy_reaches_every_document_and_a_lowered_one_leaves_their_own(library: Library) -> None:
    plain = library.indexed("甲", "a.txt")["id"]
    own = library.indexed("乙", "b.txt", secrecy="confidential")["id"]
    path = f"{API}/knowledge-bases/{library.base}"
    raised = library.client.patch(path, {"secrecy": "confidential"}, format="json")
    assert (raised.status_code, raised.json()["secrecy"]) == (200, "confidential")
    low = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL).client
    assert low.get(f"{API}/documents/{plain}").status_code == 404
    library.client.patch(path, {"secrecy": "public"}, format="json")
    assert low.get(f"{API}/documents/{plain}").json()["secrecy"] == "public"
    assert low.get(f"{API}/documents/{own}").status_code == 404
    assert library.document(own)["secrecy"] == "confidential"


def test_renaming(library: Library) -> None:
    path = f"{API}/knowledge-bases/{library.base}"
    assert library.client.patch(path, {"name": "新名"}, format="json").json()["name"] == "新名"
    refused = library.client.patch(path, {"secrecy": "secret"}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (403, "above_clearance")
    assert library.client.get(path).json()["secrecy"] == "internal"


def test_deleting_a_base_removes_every_trace(library: Library) -> None:
    for number in range(3):
        library.indexed(f"文件 {number} 的内容。", f"{number}.txt")
    assert library.client.delete(f"{API}/knowledge-bases/{library.base}").status_code == 204
    assert set(library.traces().values()) == {0}
    assert library.client.get(f"{API}/knowledge-bases/{library.base}").status_code == 404


def test_a_base_with_documents_above_ones_clearance_is_not_deleted(library: Library) -> None:
    library.indexed("乙", "b.txt", secrecy="confidential")
    before = library.traces()
    low = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL).client
    refused = low.delete(f"{API}/knowledge-bases/{library.base}")
    assert (refused.status_code, refused.json()["code"]) == (409, "documents_above_clearance")
    assert library.traces() == before


def test_lists_are_paged_and_cost_the_same_however_long(library: Library) -> None:
    for number in range(3):
        library.indexed(f"文件 {number} 的内容。", f"{number}.txt")
    client = library.client
    paths = (f"{API}/knowledge-bases", f"{API}/knowledge-bases/{library.base}/documents", f"{API}/jobs")

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    before = [queries(path) for path in paths]
    for number in range(3, 9):
        library.indexed(f"文件 {number} 的内容。", f"{number}.txt")
        body = {"name": f"base {number}", "department": "finance"}
        client.post(f"{API}/knowledge-bases", body, format="json")
    assert [queries(path) for path in paths] == before

    names, link = [], f"{paths[1]}?limit=4"
    while link:
        page = client.get(link).json()
        names += [document["filename"] for document in page["results"]]
        link = page["next"]
    assert names == [f"{number}.txt" for number in reversed(range(9))]


def test_documents_are_listed_by_status(library: Library) -> None:
    library.indexed("甲", "a.txt")
    library.upload("乙", "b.txt")
    path = f"{API}/knowledge-bases/{library.base}/documents"
    shown = {
        s: [d["filename"] for d in library.client.get(f"{path}?status={s}").json()["results"]]
        for s in ("ready", "queued")
    }
    assert shown == {"ready": ["a.txt"], "queued": ["b.txt"]}


def test_an_unknown_id_is_not_found(library: Library) -> None:
    for kind in ("knowledge-bases", "documents", "jobs"):
        response = library.client.get(f"{API}/{kind}/{uuid4()}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_deleting_a_base_waits_for_a_change_of_its_secrecy(library: Library) -> None:
    """The two lock the base before its documents; otherwise each would wait for what the other holds."""
    library.indexed()

    def delete() -> int:
        try:
            return library.client.delete(f"{API}/knowledge-bases/{library.base}").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with tenant_scope(library.tenant_id), connection.cursor() as cursor:
            KnowledgeBase.objects.select_for_update(no_key=True).get(pk=library.base)
            deletion = pool.submit(delete)
            for _ in range(200):
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.05)
            Document.objects.filter(knowledge_base=library.base).update(secrecy=Secrecy.CONFIDENTIAL)
        assert deletion.result() == 204
    assert library.traces()["documents_document"] == 0

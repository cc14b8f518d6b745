"""Knowledge bases in the console: who sees which, what is changed, and what is asked before anything is lost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document, DocumentStatus, IndexJob, JobStatus, KnowledgeBase
from controlplane.tenants.models import Role
from tests.controlplane.console.knowledge import HOSTILE, Shelf, make_shelf
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation


@pytest.fixture
def shelf(organisation: Organisation) -> Shelf:
    return make_shelf(organisation)


PAGES = (
    "/knowledge/",
    "/knowledge/new",
    "/knowledge/{base}/",
    "/knowledge/{base}/settings",
    "/documents/{document}/",
    "/documents/{document}/versions",
    "/documents/{document}/jobs",
    "/documents/{document}/settings",
    "/jobs/",
    "/jobs/?base={base}",
)
CHANGES = (
    ("/knowledge/{base}/settings", {"name": "Other", "secrecy": "public"}),
    ("/knowledge/{base}/delete", {"confirmation": "Rules <b>"}),
    ("/knowledge/{base}/reindex", {}),
    ("/knowledge/{base}/retry-failed", {}),
    ("/documents/{document}/settings", {"secrecy": "confidential", "metadata": '{"a": 1}'}),
    ("/documents/{document}/delete", {}),
    ("/documents/{document}/reindex", {}),
    ("/documents/{document}/versions/1/restore", {}),
    ("/jobs/{job}/cancel", {}),
    ("/jobs/{job}/retry", {}),
)


def address(path: str, shelf: Shelf) -> str:
    return path.format(base=shelf.base, document=shelf.document, job=shelf.job)


def state(shelf: Shelf) -> list[object]:
    with tenant_scope(shelf.tenant_id):
        return [list(model.objects.order_by("pk").values()) for model in (KnowledgeBase, Document, IndexJob)]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_for_those_who_look_after_the_department(
    shelf: Shelf, other: Organisation, path: str
) -> None:
    where = address(path, shelf)
    assert shelf.manager().get(where).status_code == 200
    admin = signed_in(shelf.organisation.member(shelf.organisation.root, Role.ADMIN, Secrecy.SECRET))
    assert admin.get(where).status_code == 200
    assert shelf.member().get(where).status_code == 403
    hidden = 404 if "{" in path else 200
    assert shelf.manager_elsewhere().get(where).status_code == hidden
    assert signed_in(other.member(other.root, Role.ADMIN, Secrecy.SECRET)).get(where).status_code == hidden


@pytest.mark.parametrize(("path", "sent"), CHANGES)
def test_nobody_else_changes_anything(
    shelf: Shelf, other: Organisation, path: str, sent: dict[str, str]
) -> None:
    before, where = state(shelf), address(path, shelf)
    refused = {
        403: shelf.member(),
        404: shelf.manager_elsewhere(),
    }
    for status, client in refused.items():
        assert client.post(where, sent).status_code == status
    stranger = signed_in(other.member(other.root, Role.ADMIN, Secrecy.SECRET))
    assert stranger.post(where, sent).status_code == 404
    assert state(shelf) == before


def test_a_base_of_another_department_is_not_listed(shelf: Shelf) -> None:
    assert "Rules" in shelf.manager().get("/knowledge/").content.decode()
    assert "Rules" not in shelf.manager_elsewhere().get("/knowledge/").content.decode()


def test_the_list_of_bases_asks_as_often_for_many_as_for_one(shelf: Shelf) -> None:
    client = shelf.manager()
    client.get("/knowledge/")
    with CaptureQueriesContext(connection) as one:
        client.get("/knowledge/")
    for number in range(5):
        with tenant_scope(shelf.tenant_id):
            base = KnowledgeBase.objects.get(pk=shelf.base)
            KnowledgeBase.objects.create(
                tenant_id=base.tenant_id,
                name=f"{number}",
                department_id=base.department_id,
                space_id=base.space_id,
            )
    with CaptureQueriesContext(connection) as many:
        assert client.get("/knowledge/").content.decode().count("<tr>") == 7
    assert len(many) == len(one)


@pytest.mark.parametrize("path", ["/knowledge/{base}/", "/jobs/"])
def test_a_list_asks_as_often_for_many_as_for_one(shelf: Shelf, path: str) -> None:
    client, where = shelf.manager(), address(path, shelf)
    shelf.add("failed-0.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    client.get(where)
    with CaptureQueriesContext(connection) as one:
        client.get(where)
    for number in range(1, 8):
        shelf.add(f"failed-{number}.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    with CaptureQueriesContext(connection) as many:
        assert "failed-7.pdf" in client.get(where).content.decode()
    assert len(many) == len(one)


def test_a_base_is_renamed_and_reclassified(shelf: Shelf) -> None:
    answer = shelf.manager().post(
        f"/knowledge/{shelf.base}/settings", {"name": "制度", "secrecy": "public"}, follow=True
    )
    assert "制度" in answer.content.decode()
    with tenant_scope(shelf.tenant_id):
        base = KnowledgeBase.objects.get()
        assert (base.name, base.secrecy) == ("制度", Secrecy.PUBLIC)


def test_nobody_classifies_above_their_own_clearance(shelf: Shelf) -> None:
    before = state(shelf)
    answer = shelf.manager().post(f"/knowledge/{shelf.base}/settings", {"name": "x", "secrecy": "secret"})
    assert answer.status_code == 422
    assert state(shelf) == before


def test_a_name_that_is_taken_is_told_at_its_field(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with tenant_scope(shelf.tenant_id):
        base = KnowledgeBase.objects.get()
        KnowledgeBase.objects.create(
            tenant_id=base.tenant_id, name="taken", department_id=base.department_id, space_id=base.space_id
        )
    answer = shelf.manager().post(
        f"/knowledge/{shelf.base}/settings", {"name": "taken", "secrecy": "internal"}
    )
    assert answer.status_code == 409
    assert 'aria-invalid="true"' in answer.content.decode()


@pytest.mark.parametrize("typed", ["", "rules <b>", "Rules"])
def test_a_base_is_deleted_only_by_its_name(shelf: Shelf, typed: str) -> None:
    before = state(shelf)
    answer = shelf.manager().post(f"/knowledge/{shelf.base}/delete", {"confirmation": typed})
    assert answer.status_code == 422
    assert state(shelf) == before


def test_a_base_is_deleted_with_its_documents(shelf: Shelf) -> None:
    client = shelf.manager()
    assert "Rules &lt;b&gt;" in client.get(f"/knowledge/{shelf.base}/settings").content.decode()
    answer = client.post(f"/knowledge/{shelf.base}/delete", {"confirmation": " Rules <b> "})
    assert answer.headers["Location"] == "/knowledge/"
    with tenant_scope(shelf.tenant_id):
        assert not KnowledgeBase.objects.exists()
        assert not Document.objects.exists()


def test_the_documents_are_filtered(shelf: Shelf) -> None:
    shelf.add("broken.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    shelf.add("waits.pdf", DocumentStatus.QUEUED)
    client, where = shelf.manager(), f"/knowledge/{shelf.base}/"
    for query, shown in (
        ("", {"broken.pdf", "waits.pdf", "授信管理办法.txt"}),
        ("?status=failed", {"broken.pdf"}),
        ("?status=indexing", {"waits.pdf"}),
        ("?status=ready", {"授信管理办法.txt"}),
        ("?status=cancelled", set()),
        ("?status=nonsense", {"broken.pdf", "waits.pdf", "授信管理办法.txt"}),
        ("?q=nothing-of-that-name", set()),
    ):
        page = client.get(where + query).content.decode()
        assert {name for name in shelf.document_names() if f"<bdi>{name}</bdi>" in page} == shown


def test_the_list_is_asked_for_again_only_while_something_is_indexed(shelf: Shelf) -> None:
    client, where = shelf.manager(), f"/knowledge/{shelf.base}/"
    assert "every 3s" not in client.get(where).content.decode()
    shelf.add("waits.pdf", DocumentStatus.QUEUED)
    assert "every 3s" in client.get(where).content.decode()
    assert "every 2s" in client.get("/jobs/").content.decode()
    assert "every 2s" not in client.get("/jobs/?status=done").content.decode()


@pytest.mark.parametrize("path", ["/knowledge/{base}/", "/jobs/", "/documents/{document}/versions"])
def test_a_hostile_file_name_is_text(shelf: Shelf, path: str) -> None:
    document = shelf.add(HOSTILE, DocumentStatus.FAILED, job=JobStatus.FAILED)
    page = shelf.manager().get(path.format(base=shelf.base, document=document.pk)).content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;&quot;&#x27;.txt" in page


def test_a_failure_says_why_and_what_to_do(shelf: Shelf) -> None:
    document = shelf.add("scan.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    client = shelf.manager()
    client.cookies["karez_language"] = "en"
    for path in (f"/knowledge/{shelf.base}/", "/jobs/", f"/documents/{document.pk}/"):
        page = client.get(path).content.decode()
        assert "There is no text in the file." in page
        assert "Run text recognition (OCR) over it and upload the result." in page


def test_the_upload_is_for_those_who_may_write(shelf: Shelf) -> None:
    page = shelf.manager().get(f"/knowledge/{shelf.base}/").content.decode()
    assert f'data-address="/api/v1/knowledge-bases/{shelf.base}/documents"' in page
    with tenant_scope(shelf.tenant_id):
        user = shelf.organisation.member(shelf.organisation.energy, Role.MANAGER)
    # Reads finance by a second membership, and manages energy alone.
    from controlplane.tenants.services import membership_set

    with tenant_scope(shelf.tenant_id):
        membership_set(
            tenant_id=shelf.tenant_id,
            actor="system",
            user_id=user.pk,
            department=shelf.organisation.finance,
            role=Role.MEMBER,
            clearance=Secrecy.INTERNAL,
        )
    reader = signed_in(user)
    page = reader.get(f"/knowledge/{shelf.base}/").content.decode()
    assert "授信管理办法.txt" in page
    assert "data-uploads" not in page
    assert "data-confirms" not in page
    before = state(shelf)
    assert reader.post(f"/documents/{shelf.document}/delete").status_code == 403
    assert reader.post(f"/knowledge/{shelf.base}/delete", {"confirmation": "Rules <b>"}).status_code == 403
    assert state(shelf) == before

"""One document in the console, and the jobs of documents."""

import pytest

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document, DocumentStatus, IndexJob, JobStatus, Version
from controlplane.tenants.models import Role
from tests.controlplane.console.knowledge import Shelf, make_shelf
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation


@pytest.fixture
def shelf(organisation: Organisation) -> Shelf:
    return make_shelf(organisation)


def the_document(shelf: Shelf) -> Document:
    with tenant_scope(shelf.tenant_id):
        return Document.objects.get(pk=shelf.document)


def test_the_source_shows_its_passages(shelf: Shelf) -> None:
    page = shelf.manager().get(f"/documents/{shelf.document}/").content.decode()
    assert "流动资金贷款的期限一般不超过三年。" in page
    assert "data-page-image" not in page  # no format with pages


@pytest.mark.parametrize("query", ["?page=0", "?page=99999999999", "?page=x", "?passage=-1", "?passage=7"])
def test_an_odd_address_shows_what_there_is(shelf: Shelf, query: str) -> None:
    assert shelf.manager().get(f"/documents/{shelf.document}/{query}").status_code == 200


def test_secrecy_and_metadata_are_changed(shelf: Shelf) -> None:
    manager = shelf.organisation.member(shelf.organisation.finance, Role.MANAGER, Secrecy.SECRET)
    sent = {"secrecy": "confidential", "metadata": '{"文号": "2024-7"}'}
    answer = signed_in(manager).post(f"/documents/{shelf.document}/settings", sent)
    assert answer.status_code == 302
    changed = the_document(shelf)
    assert (changed.secrecy, changed.metadata) == (Secrecy.CONFIDENTIAL, {"文号": "2024-7"})


@pytest.mark.parametrize(
    "sent",
    [
        {"secrecy": "secret", "metadata": "{}"},  # above the manager's clearance
        {"secrecy": "public", "metadata": "{}"},  # below the base's
        {"secrecy": "internal", "metadata": "{"},
        {"secrecy": "internal", "metadata": "[1]"},
        {"secrecy": "internal", "metadata": "[" * 9000},
        {"secrecy": "internal", "metadata": '{"a": NaN}'},
        {"secrecy": "internal", "metadata": '{"a": [1e999]}'},
        {"secrecy": "internal", "metadata": '{"a": "\\u0000"}'},
        {"secrecy": "internal", "metadata": '{"\\udfff": 1}'},
        {"secrecy": "", "metadata": "{}"},
    ],
)
def test_what_is_wrong_changes_nothing_and_stays_in_the_form(shelf: Shelf, sent: dict[str, str]) -> None:
    before = the_document(shelf)
    answer = shelf.manager().post(f"/documents/{shelf.document}/settings", sent)
    assert answer.status_code == 422
    after = the_document(shelf)
    assert (after.secrecy, after.metadata) == (before.secrecy, before.metadata)
    assert 'aria-invalid="true"' in answer.content.decode() or "errorlist" in answer.content.decode()


def test_a_document_is_deleted(shelf: Shelf) -> None:
    answer = shelf.manager().post(f"/documents/{shelf.document}/delete")
    assert answer.headers["Location"] == f"/knowledge/{shelf.base}/"
    assert shelf.document_names() == set()
    assert shelf.manager().post(f"/documents/{shelf.document}/delete").status_code == 404


def test_a_document_is_read_again(shelf: Shelf) -> None:
    client = shelf.manager()
    answer = client.post(f"/documents/{shelf.document}/reindex")
    assert answer.headers["Location"] == f"/documents/{shelf.document}/jobs"
    busy = client.post(f"/documents/{shelf.document}/reindex")
    assert busy.status_code == 409
    with tenant_scope(shelf.tenant_id):
        assert Version.objects.filter(document=shelf.document).count() == 2
    page = client.get(f"/documents/{shelf.document}/versions").content.decode()
    assert page.count("<tr>") == 3


def test_an_earlier_version_is_restored(shelf: Shelf) -> None:
    client = shelf.manager()
    client.post(f"/documents/{shelf.document}/reindex")
    with tenant_scope(shelf.tenant_id):
        Version.objects.filter(document=shelf.document, number=2).update(status=DocumentStatus.READY)
    answer = client.post(f"/documents/{shelf.document}/versions/1/restore")
    assert answer.headers["Location"] == f"/documents/{shelf.document}/versions"
    with tenant_scope(shelf.tenant_id):
        first, third = Version.objects.filter(document=shelf.document, number__in=(1, 3)).order_by("number")
        assert first.blob_id == third.blob_id


def test_jobs_are_filtered_by_state_and_base(shelf: Shelf) -> None:
    shelf.add("broken.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    client = shelf.manager()
    for query, broken, ready in (
        ("", True, True),
        ("?status=failed", True, False),
        ("?status=done", False, True),
        (f"?base={shelf.base}", True, True),
        ("?status=nonsense", True, True),
    ):
        page = client.get(f"/jobs/{query}").content.decode()
        assert ("broken.pdf" in page, "授信管理办法.txt" in page) == (broken, ready)
    assert client.get("/jobs/?base=x").status_code == 422


def test_a_job_is_cancelled_and_tried_again(shelf: Shelf) -> None:
    document = shelf.add("waits.pdf", DocumentStatus.QUEUED)
    client = shelf.manager()
    with tenant_scope(shelf.tenant_id):
        job = IndexJob.objects.get(version__document=document)
    for work, status in (("cancel", JobStatus.CANCELLED), ("retry", JobStatus.QUEUED)):
        answer = client.post(f"/jobs/{job.pk}/{work}", {"next": f"/knowledge/{shelf.base}/"})
        assert answer.headers["Location"] == f"/knowledge/{shelf.base}/"
        with tenant_scope(shelf.tenant_id):
            job.refresh_from_db()
        assert job.status == status


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_a_job_leads_back_to_the_console_only(shelf: Shelf, wanted: str) -> None:
    document = shelf.add("waits.pdf", DocumentStatus.QUEUED)
    with tenant_scope(shelf.tenant_id):
        job = IndexJob.objects.get(version__document=document)
    answer = shelf.manager().post(f"/jobs/{job.pk}/cancel", {"next": wanted})
    assert answer.headers["Location"] == "/jobs/"


def test_all_that_failed_is_tried_again(shelf: Shelf) -> None:
    for number in range(3):
        shelf.add(f"{number}.pdf", DocumentStatus.FAILED, job=JobStatus.FAILED)
    answer = shelf.manager().post(f"/knowledge/{shelf.base}/retry-failed")
    assert answer.headers["Location"] == f"/jobs/?base={shelf.base}"
    with tenant_scope(shelf.tenant_id):
        assert IndexJob.objects.filter(status=JobStatus.QUEUED).count() == 3

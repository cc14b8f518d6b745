"""Finding documents by their file names: which names a text finds, and that an index finds them."""

import pytest
from django.db import connection

from controlplane.core.scope import scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.file_names import MOST_TERMS, name_terms, with_name_like
from controlplane.documents.models import Document, NameTerm
from tests.controlplane.documents.library import API, Library


def test_a_name_is_kept_as_terms() -> None:
    assert name_terms(filename="信贷办法_Report2024.PDF") == sorted(
        ["信贷", "贷办", "办法", "法", "report2024", "report", "2024", "pdf"]
    )


def test_signs_give_no_term_and_long_words_are_cut() -> None:
    assert name_terms(filename="__--..") == []
    assert name_terms(filename="a" * 200) == ["a" * 32]


NAMES = ("信贷业务管理办法.md", "管理信贷.md", "Loan guideline 2024.md", "会议纪要_77777.md", "１２月报表.md")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("管理办法", {"信贷业务管理办法.md"}),
        ("信贷", {"信贷业务管理办法.md", "管理信贷.md"}),
        ("法", {"信贷业务管理办法.md"}),
        ("贷", {"信贷业务管理办法.md", "管理信贷.md"}),
        ("loan GUID", {"Loan guideline 2024.md"}),
        ("oan", set()),
        ("777", {"会议纪要_77777.md"}),
        ("纪要_777", {"会议纪要_77777.md"}),
        ("12月", {"１２月报表.md"}),
        ("管理 业务", {"信贷业务管理办法.md"}),
        ("闰土", set()),
        ("%", set(NAMES)),
        ("'; DROP", set()),
        ("", set(NAMES)),
    ],
)
def test_which_names_a_text_finds(library: Library, text: str, found: set[str]) -> None:
    for name in NAMES:
        assert library.upload(f"# {name}\n\n内容。", name).status_code == 202
    for path in (f"{API}/knowledge-bases/{library.base}/documents", f"{API}/documents"):
        results = library.client.get(path, {"q": text}).json()["results"]
        assert {document["filename"] for document in results} == found


def test_who_may_not_read_a_document_does_not_find_it(library: Library) -> None:
    library.upload("# 机密", "并购计划.md", secrecy="confidential")
    lower = library.organisation.key(library.organisation.finance, clearance=Secrecy.INTERNAL)
    elsewhere = library.organisation.key(library.organisation.energy, clearance=Secrecy.SECRET)
    for key in (lower, elsewhere):
        assert key.client.get(f"{API}/documents?q=并购").json()["results"] == []
    assert len(library.client.get(f"{API}/documents?q=并购").json()["results"]) == 1


def test_the_terms_go_with_their_document(library: Library) -> None:
    id_ = library.upload().json()["id"]
    with tenant_scope(library.tenant_id):
        assert NameTerm.objects.filter(document_id=id_).count() == 3
    assert library.client.delete(f"{API}/documents/{id_}").status_code == 204
    with tenant_scope(library.tenant_id):
        assert not NameTerm.objects.filter(document_id=id_).exists()


def test_an_index_finds_them_under_row_level_security(library: Library) -> None:
    """Comparisons are leakproof, so they are conditions of the index and not filters behind the policy."""
    library.upload()
    with scoped(library.key.principal.scope()), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        terms = NameTerm.objects.filter(tenant_id=library.tenant_id, term__gte="办", term__lt="办\U0010ffff")
        plan = terms.order_by("term").explain()
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "(term >= '办'" in condition.replace("(term)::text", "term")
    assert "(term < '办" in condition.replace("(term)::text", "term")


LONG = "关于印发《流动资金贷款管理办法》的通知（2024年修订 Annex B-7 final version reviewed draft 12 copy 3）.pdf"


@pytest.mark.parametrize(
    "text",
    [
        LONG,
        LONG[:40],
        "流动资金贷款管理办法",
        "管理办法" * 60,
        " ".join(f"w{n}" for n in range(120)),
        "法" * 250,
    ],
)
def test_a_long_text_asks_the_index_for_a_few_terms(library: Library, text: str) -> None:
    library.upload("# 通知", LONG)
    documents = Document.objects.filter(tenant_id=library.tenant_id)
    with tenant_scope(library.tenant_id):
        found = with_name_like(documents=documents, text=text)
        assert str(found.query).count("EXISTS") <= MOST_TERMS
        assert found.exists() is (text in LONG)

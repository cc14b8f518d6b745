"""Hit testing in the console: scores by leg, the verdict, terms marked as text, and the audit of it."""

import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from django.test import Client

from controlplane.audit.selectors import event_list
from controlplane.console.marks import Piece, marked
from controlplane.core.scope import tenant_scope
from controlplane.tenants.models import Role
from tests.controlplane.api.openai.conftest import CREDIT, GIFTS, configure
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.knowledge import DIMENSION, MODEL, Text, make_base
from tests.controlplane.organisations import Organisation, make_organisation
from tests.fakes.engine import FakeEngine

HOSTILE = Text(
    title="<script>alert(1)</script>", text='贷款期限 <img src=x onerror="alert(1)"> & 三年', section="<b>"
)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with FakeEngine(models=(MODEL,), embedding_dimension=DIMENSION) as running:
        configure(monkeypatch, embedding_url=running.base_url, embedding_model="use")
        yield running


@pytest.fixture
def base(committed_organisation: Organisation) -> UUID:
    return make_base(department=committed_organisation.finance, name="制度", texts=[CREDIT, GIFTS, HOSTILE])


def manager(organisation: Organisation) -> Client:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    client.cookies["karez_language"] = "en"
    return client


def test_a_question_is_answered_with_scores_by_leg(
    committed_organisation: Organisation, embedder: FakeEngine, base: UUID
) -> None:
    client = manager(committed_organisation)
    page = client.get("/hit-testing/", {"q": "住宅抵押率最高多少"}).content.decode()
    assert "Would be answered" in page
    assert page.index("授信管理办法") < page.index("员工行为守则")
    assert "cosine" in page
    assert "BM25" in page
    with tenant_scope(committed_organisation.tenant.pk):
        event = event_list(tenant_id=committed_organisation.tenant.pk, action="search.asked").get()
    assert (event.data["query"], event.data["knowledge_bases"]) == ("住宅抵押率最高多少", [str(base)])


@pytest.mark.parametrize(("mode", "absent"), [("dense", "BM25"), ("keyword", "cosine")])
def test_one_leg_alone(
    committed_organisation: Organisation, embedder: FakeEngine, base: UUID, mode: str, absent: str
) -> None:
    asked = {"q": "住宅抵押率", "mode": mode, "k": "3", "base": str(base)}
    page = manager(committed_organisation).get("/hit-testing/", asked).content.decode()
    assert "授信管理办法" in page
    assert absent not in page


def test_what_is_found_is_text_and_its_terms_are_marked(
    committed_organisation: Organisation, embedder: FakeEngine, base: UUID
) -> None:
    page = manager(committed_organisation).get("/hit-testing/", {"q": "贷款期限 img"}).content.decode()
    assert "<mark>贷款</mark>" in page
    assert "&lt;<mark>img</mark> src=x" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_what_the_documents_do_not_touch_would_be_refused(
    committed_organisation: Organisation, embedder: FakeEngine, base: UUID
) -> None:
    asked = {"q": "量子纠缠", "mode": "keyword"}
    page = manager(committed_organisation).get("/hit-testing/", asked).content.decode()
    assert "Would be refused" in page
    assert "No passage was found." in page


def test_without_the_embedding_service_it_says_so(
    committed_organisation: Organisation, base: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, embedding_url="http://127.0.0.1:9/v1", embedding_model="use")
    client = manager(committed_organisation)
    hybrid = client.get("/hit-testing/", {"q": "住宅抵押率"})
    assert hybrid.status_code == 200
    assert "only words were searched" in hybrid.content.decode()
    dense = client.get("/hit-testing/", {"q": "住宅抵押率", "mode": "dense"})
    assert dense.status_code == 503
    assert "The embedding service does not answer" in dense.content.decode()


def test_bad_input_stays_in_the_form(committed_organisation: Organisation, base: UUID) -> None:
    client = manager(committed_organisation)
    elsewhere = make_organisation()
    theirs = make_base(department=elsewhere.finance, name="x", texts=[])
    for asked in (
        {"q": ""},
        {"q": "x" * 4001},
        {"q": "x", "mode": "magic"},
        {"q": "x", "k": "7"},
        {"q": "x", "base": "nonsense"},
        {"q": "x", "base": str(theirs)},
    ):
        answer = client.get("/hit-testing/", asked)
        assert answer.status_code == 422
        assert "errorlist" in answer.content.decode()


def test_who_may_test(committed_organisation: Organisation, embedder: FakeEngine, base: UUID) -> None:
    organisation = committed_organisation
    asked = {"q": "住宅抵押率最高多少"}
    assert signed_in(organisation.member(organisation.finance)).get("/hit-testing/", asked).status_code == 403
    for elsewhere in (organisation.energy, make_organisation().root):
        owner = organisation if elsewhere == organisation.energy else None
        if owner is not None:
            page = signed_in(owner.member(elsewhere, Role.MANAGER)).get("/hit-testing/", asked)
            assert page.status_code == 200
            assert "授信管理办法" not in page.content.decode()
    assert Client().get("/hit-testing/", asked).status_code == 302


@pytest.mark.parametrize(
    ("text", "terms", "pieces"),
    [
        ("贷款期限", ["贷款"], [("贷款", True), ("期限", False)]),
        ("Loans and LOAN", ["loan"], [("Loan", True), ("s and ", False), ("LOAN", True)]),
        ("a+b (c)", ["+", "(c)"], [("a+b ", False), ("(c)", True)]),
        ("overloan", ["loan"], [("overloan", False)]),
        ("文字", [], [("文字", False)]),
        ("", ["x"], []),
    ],
)
def test_marking(text: str, terms: list[str], pieces: list[tuple[str, bool]]) -> None:
    assert list(marked(text=text, terms=terms)) == [Piece(*piece) for piece in pieces]


def test_places_stay_what_they_are_where_letters_change_their_length() -> None:
    assert [piece.text for piece in marked(text="İİ Loan", terms=["loan"])] == ["İİ ", "Loan"]
    assert [piece.text for piece in marked(text="ẞ贷款", terms=["贷款"])] == ["ẞ", "贷款"]


def test_marking_takes_the_time_of_the_text_and_not_of_the_question() -> None:
    text, many = "wa " * 1300, [f"w{n:04}" for n in range(4000)]

    def seconds(terms: list[str]) -> float:
        begun = time.process_time()
        marked(text=text, terms=terms)
        return time.process_time() - begun

    assert min(seconds(many) for _ in range(3)) < 20 * min(seconds(many[:4]) for _ in range(3))

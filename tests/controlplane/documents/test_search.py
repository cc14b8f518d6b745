"""POST /api/v1/search on real SQL, with a fake embedding service."""

from collections.abc import Iterator
from typing import Any

import pytest

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from tests.controlplane.api.openai.conftest import CREDIT, GIFTS, LAUNDERING, configure
from tests.controlplane.knowledge import DIMENSION, MODEL, Text, make_base
from tests.controlplane.organisations import Key, Organisation, make_organisation
from tests.fakes.engine import FakeEngine


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    with FakeEngine(models=(MODEL,), embedding_dimension=DIMENSION) as running:
        configure(monkeypatch, embedding_url=running.base_url, embedding_model="use")
        yield running


def search(key: Key, bases: list[Any], query: str = "住宅抵押率最高多少", **options: Any) -> Any:
    body = {"query": query, "knowledge_bases": [str(base) for base in bases], **options}
    return key.client.post("/api/v1/search", body, format="json")


def test_the_best_passage_comes_first(committed_organisation: Organisation, embedder: FakeEngine) -> None:
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[GIFTS, CREDIT, LAUNDERING])
    body = search(committed_organisation.key(finance), [base]).json()
    first = body["results"][0]
    assert set(first) == {"document_id", "chunk_id", "title", "text", "page", "section", "score"}
    assert (first["title"], first["page"], first["section"]) == ("授信管理办法", 3, "第三章 担保")
    assert [r["score"] for r in body["results"]] == sorted(
        (r["score"] for r in body["results"]), reverse=True
    )
    assert body["took_ms"] > 0
    assert body["degraded"] == []


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_top_k_bounds_every_mode(
    committed_organisation: Organisation, embedder: FakeEngine, mode: str
) -> None:
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[GIFTS, CREDIT, LAUNDERING])
    body = search(committed_organisation.key(finance), [base], mode=mode, top_k=1).json()
    assert [result["title"] for result in body["results"]] == ["授信管理办法"]
    assert len(embedder.requests) == (0 if mode == "keyword" else 1)


def test_bases_of_two_models_are_searched_each_in_its_own_space(
    committed_organisation: Organisation, embedder: FakeEngine
) -> None:
    finance = committed_organisation.finance
    served = make_base(department=finance, name="新", texts=[CREDIT])
    older = make_base(department=finance, name="旧", texts=[LAUNDERING], model="bge-m3", dimension=1024)
    key = committed_organisation.key(finance)
    body = search(key, [served, older], query="住宅抵押率；高风险客户多久审核").json()
    assert {result["title"] for result in body["results"]} == {"授信管理办法", "反洗钱手册"}
    assert body["degraded"] == ["dense"]
    dense = search(key, [older], mode="dense")
    assert (dense.status_code, dense.json()["code"]) == (503, "embedding_unavailable")


def test_without_the_embedding_service_keywords_are_left(
    committed_organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, embedding_url="http://127.0.0.1:9/v1", embedding_model="use")
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[CREDIT])
    key = committed_organisation.key(finance)
    hybrid = search(key, [base])
    assert hybrid.status_code == 200
    assert [result["title"] for result in hybrid.json()["results"]] == ["授信管理办法"]
    assert hybrid.json()["degraded"] == ["dense"]
    dense = search(key, [base], mode="dense")
    assert (dense.status_code, dense.json()["code"]) == (503, "embedding_unavailable")
    assert int(dense.headers["Retry-After"]) > 0


def test_what_one_may_not_read_is_404(committed_organisation: Organisation, embedder: FakeEngine) -> None:
    base = make_base(department=committed_organisation.finance, name="制度", texts=[CREDIT])
    other = make_organisation()
    for key in (committed_organisation.key(committed_organisation.energy), other.key(other.root)):
        response = search(key, [base])
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert embedder.requests == []


def test_a_document_above_the_clearance_is_not_found(
    committed_organisation: Organisation, embedder: FakeEngine
) -> None:
    finance = committed_organisation.finance
    secret = Text(title="机密", text=CREDIT.text, secrecy=Secrecy.SECRET)
    base = make_base(department=finance, name="制度", texts=[secret, GIFTS])
    titles = [r["title"] for r in search(committed_organisation.key(finance), [base]).json()["results"]]
    assert titles == ["员工行为守则"]
    cleared = committed_organisation.key(finance, clearance=Secrecy.SECRET)
    assert search(cleared, [base]).json()["results"][0]["title"] == "机密"


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "x" * 4001}, "query"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 51}, "top_k"),
        ({"mode": "magic"}, "mode"),
        ({"knowledge_bases": []}, "knowledge_bases"),
        ({"knowledge_bases": ["x"]}, "knowledge_bases.0"),
    ],
)
def test_bad_input_names_the_field(
    committed_organisation: Organisation, options: dict[str, Any], field: str
) -> None:
    key = committed_organisation.key(committed_organisation.finance)
    body = {"query": "x", "knowledge_bases": [str(committed_organisation.tenant.pk)], **options}
    response = key.client.post("/api/v1/search", body, format="json")
    assert (response.status_code, response.json()["field"]) == (422, field)


def test_it_needs_the_scope_and_is_audited(
    committed_organisation: Organisation, embedder: FakeEngine
) -> None:
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[CREDIT])
    denied = search(committed_organisation.key(finance, KeyScope.CHAT), [base])
    assert (denied.status_code, denied.json()["code"]) == (403, "scope_missing")
    key = committed_organisation.key(finance, KeyScope.SEARCH)
    search(key, [base])
    with tenant_scope(committed_organisation.tenant.pk):
        [event] = event_list(tenant_id=committed_organisation.tenant.pk).filter(action="search.asked")
    assert event.actor == key.principal.actor
    assert event.data["knowledge_bases"] == [str(base)]
    assert len(event.data["documents"]) == 1


def test_the_session_of_a_person_searches_too(
    committed_organisation: Organisation, embedder: FakeEngine
) -> None:
    from tests.controlplane.identity.test_sessions import signed_in

    base = make_base(department=committed_organisation.finance, name="制度", texts=[CREDIT])
    client = signed_in(committed_organisation.member(committed_organisation.finance))
    response = client.post(
        "/api/v1/search", {"query": "抵押率", "knowledge_bases": [str(base)]}, format="json"
    )
    assert (response.status_code, response.json()["results"][0]["title"]) == (200, "授信管理办法")


def test_a_search_explains_itself_if_asked(
    committed_organisation: Organisation, embedder: FakeEngine
) -> None:
    finance = committed_organisation.finance
    base = make_base(department=finance, name="制度", texts=[GIFTS, CREDIT, LAUNDERING])
    body = search(committed_organisation.key(finance), [base], explain=True).json()
    first = body["results"][0]
    assert (first["dense"]["rank"], first["keyword"]["rank"]) == (1, 1)
    score = sum(first[leg]["share"] * first[leg]["weight"] for leg in ("dense", "keyword"))
    assert score == pytest.approx(first["score"], abs=1e-6)
    assert min(first["cosine"], first["bm25"]) > 0
    assert body["evidence"] == {"sufficient": True, "score": first["score"], "threshold": 0.19, "reason": ""}
    nothing = search(
        committed_organisation.key(finance), [base], query="的", mode="keyword", explain=True
    ).json()
    assert nothing["evidence"]["reason"] == "nothing_found"

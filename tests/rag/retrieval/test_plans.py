"""Each leg uses the index that was made for it: read from EXPLAIN, as the application role under forced row-level security."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.db import connection

from rag.index import Entry, PassageIndex
from rag.retrieval import Query, Retriever, retriever
from rag.retrieval.retriever import exact_is_cheaper
from tests.rag.library import DIMENSION, Library

DOCUMENTS, PER_DOCUMENT = 60, 20
WORDS = ("油温", "压力", "贷款", "利率", "居住证", "断路器", "审批", "巡视", "备件", "公告")


class Explaining:
    """A cursor that notes the plan of every statement before it runs it."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.plans: list[dict[str, Any]] = []

    @property
    def rowcount(self) -> int:
        return int(self._cursor.rowcount)

    def execute(self, query: str, params: Any = None) -> None:
        self._cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", params)
        plan = self._cursor.fetchone()[0]
        self.plans.append((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
        self._cursor.execute(query, params)

    def fetchone(self) -> Any:
        return self._cursor.fetchone()

    def fetchall(self) -> Any:
        return self._cursor.fetchall()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def scans(plan: dict[str, Any], table: str) -> set[tuple[str, str]]:
    """How the plan reads the table: {(node type, index)}."""
    # A bitmap heap scan names the table, the index scan below it the index.
    found = set()
    for node in nodes(plan):
        if node.get("Relation Name") == table:
            below = [child["Index Name"] for child in nodes(node) if "Index Name" in child]
            found.add((node["Node Type"], below[0] if below else ""))
    return found


@pytest.fixture
def filled(library: Library) -> Library:
    random = np.random.default_rng(3)
    with library.all_seen(), connection.cursor() as cursor:
        for _ in range(DOCUMENTS):
            document = library.add_document()
            version, ids = library.add_version(document=document, texts=["-"] * PER_DOCUMENT)
            entries = [
                Entry(
                    id_, list(random.choice(WORDS, 3)), random.standard_normal(DIMENSION).astype(np.float32)
                )
                for id_ in ids
            ]
            PassageIndex(cursor=cursor).add(
                tenant_id=library.tenant,
                space=library.space,
                knowledge_base_id=library.base,
                document_id=document,
                version_id=version,
                entries=entries,
            )
    return library


def explained(library: Library, mode: Any) -> tuple[list[dict[str, Any]], int]:
    vector = np.random.default_rng(4).standard_normal(DIMENSION).astype(np.float32)
    with library.all_seen(), connection.cursor() as cursor:
        explaining = Explaining(cursor)
        hits = Retriever(cursor=explaining).search(
            tenant_id=library.tenant,
            space=library.space,
            knowledge_base_ids=[library.base],
            query=Query("油温 贷款", vector, mode, 10),
        )
    return explaining.plans, len(hits)


def test_the_database_binds_this_role(filled: Library):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("karez_app", False, False)
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE 'rag_%' AND relkind = 'r' AND relforcerowsecurity"
        )
        assert {row[0] for row in cursor.fetchall()} == {"rag_vector", "rag_segment", "rag_posting"}


@pytest.mark.parametrize("mode", ["keyword", "hybrid"])
def test_postings_are_read_from_their_index(filled: Library, mode: str):
    plans, found = explained(filled, mode)
    assert scans(plans[-1], "rag_posting") in (
        {("Index Only Scan", "rag_posting_term")},
        {("Bitmap Heap Scan", "rag_posting_term")},
        {("Index Scan", "rag_posting_term")},
    )
    assert found == 10


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_a_large_share_walks_the_graph(filled: Library, mode: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(retriever, "ALWAYS_EXACT", 0)
    monkeypatch.setattr(retriever, "HNSW_COST", 0)
    with filled.all_seen(), connection.cursor() as cursor:
        # A table of a test is small enough to be read whole for less; what is tested is that the graph can be walked.
        cursor.execute("SET LOCAL enable_sort = off")
        plans, found = explained(filled, mode)
    assert ("Index Scan", "rag_vector_hnsw_384") in scans(plans[-1], "rag_vector")
    assert found == 10


@pytest.mark.parametrize("mode", ["dense", "hybrid"])
def test_a_small_share_is_compared_without_the_graph(filled: Library, mode: str):
    plans, _ = explained(filled, mode)
    assert not any("hnsw" in index for _, index in scans(plans[-1], "rag_vector"))


def test_the_settings_of_the_graph_end_with_the_transaction(filled: Library):
    with filled.all_seen(), connection.cursor() as cursor:
        filled.search("油温", vector=np.ones(DIMENSION, np.float32))
        cursor.execute("SHOW hnsw.iterative_scan")
        assert cursor.fetchone() == ("relaxed_order",)


@pytest.mark.parametrize(
    ("readable", "indexed", "exact"),
    [
        (100, 100_000, True),
        (4_000, 10_000_000, True),
        (36_000, 100_000, False),
        (20_000, 10_000_000, True),
        (1_000_000, 10_000_000, False),
    ],
)
def test_the_choice_weighs_both_costs(readable: int, indexed: int, exact: bool):
    assert exact_is_cheaper(readable=readable, indexed=indexed, candidates=50) is exact


def test_graph_and_comparison_agree(filled: Library, monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(5)
    vectors = random.standard_normal((20, DIMENSION)).astype(np.float32)
    with filled.all_seen():
        exact = [filled.found("", vector=vector, mode="dense") for vector in vectors]
        monkeypatch.setattr(retriever, "ALWAYS_EXACT", 0)
        monkeypatch.setattr(retriever, "HNSW_COST", 0)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")
        walked = [filled.found("", vector=vector, mode="dense") for vector in vectors]
    share = [len(set(one) & set(other)) / 10 for one, other in zip(exact, walked, strict=True)]
    assert np.mean(share) >= 0.98

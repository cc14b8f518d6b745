"""Whatever is killed at whatever moment: the document ends ready, with exactly the passages and index rows of an
undisturbed run."""

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from controlplane.documents.storage import blob_path
from tests.controlplane.documents.crash.stack import MODEL, SlowEmbeddings, Stack, wait_for

PARAGRAPHS = 1800
NAME = "规程.html"
EMBEDDING_SECONDS = 0.25


def _source() -> bytes:
    """A document of several hundred passages that takes a moment to read."""
    parts = ["<html><head><title>调度规程</title></head><body>"]
    for number in range(PARAGRAPHS):
        if number % 60 == 0:
            parts.append(f"<h2>第 {number // 60 + 1} 章</h2>")
        rule = (
            f"{number * 7919 % 10007} 号设备的母线电压应保持在 {number} 千伏，" + "偏差不得超过规定值。" * 6
        )
        parts.append(f"<p>第 {number} 条：{rule}</p>")
    return "".join([*parts, "</body></html>"]).encode()


SOURCE = _source()


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="karez-crash-"))
    with SlowEmbeddings(models=(MODEL,), embedding_dimension=512) as embeddings:
        stack = Stack(directory=directory, embeddings=embeddings)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()
            shutil.rmtree(directory, ignore_errors=True)
            shutil.rmtree(stack.servers.cluster.data, ignore_errors=True)


@dataclass(frozen=True)
class Rows:
    """What a document left in the database, without what differs from run to run."""

    passages: tuple[tuple[Any, ...], ...]
    vectors: Counter[tuple[int, str]]
    postings: Counter[tuple[int, int, int]]


@dataclass
class Shelf:
    """One knowledge base, and one document that is uploaded, watched and deleted again and again."""

    stack: Stack
    base: str

    def upload(self) -> dict[str, Any]:
        files = {"file": (NAME, SOURCE)}
        response = self.stack.client.post(f"knowledge-bases/{self.base}/documents", files=files)
        assert response.status_code == 202, response.text
        return dict(response.json())

    def document(self, id_: str) -> dict[str, Any]:
        response = self.stack.client.get(f"documents/{id_}")
        assert response.status_code == 200, response.text
        return dict(response.json())

    def delete(self, id_: str) -> None:
        assert self.stack.client.delete(f"documents/{id_}").status_code == 204

    def job(self, id_: str) -> tuple[str, str, int, int]:
        return self.stack.rows(
            "SELECT stage, status, done, attempts FROM documents_indexjob WHERE id = %s", id_
        )[0]  # type: ignore[return-value]

    def wait_until_parsing(self, received: dict[str, Any]) -> None:
        wait_for(lambda: self.job(received["job"])[:2] == ("parse", "running"), pause=0.005)

    def wait_until_embedding(self, received: dict[str, Any], at_least: int = 1) -> None:
        def is_embedding() -> bool:
            stage, status, done, _ = self.job(received["job"])
            return (stage, status) == ("embed", "running") and done >= at_least

        wait_for(is_embedding, pause=0.005)

    def wait_until_ready(self, received: dict[str, Any]) -> dict[str, Any]:
        def ended() -> dict[str, Any] | None:
            try:
                document = self.document(received["id"])
            except (AssertionError, httpx.TransportError):
                return None  # the database is on its way back
            return document if document["status"] in ("ready", "failed", "cancelled") else None

        document: dict[str, Any] = wait_for(ended, seconds=45, pause=0.1)
        assert document["status"] == "ready", document["error"]
        return document

    def indexed_rows(self, document_id: str) -> Rows:
        passages = self.stack.rows(
            "SELECT ordinal, text, page, page_end, section FROM documents_passage WHERE document_id = %s ORDER BY ordinal",
            document_id,
        )
        vectors = self.stack.rows(
            "SELECT p.ordinal, md5(v.embedding::text) FROM rag_vector v LEFT JOIN documents_passage p ON p.id = v.passage_id"
            " WHERE v.document_id = %s",
            document_id,
        )
        return Rows(tuple(passages), Counter(vectors), self._postings(document_id))

    def _postings(self, document_id: str) -> Counter[tuple[int, int, int]]:
        ordinals = dict(
            self.stack.rows("SELECT id, ordinal FROM documents_passage WHERE document_id = %s", document_id)
        )
        found: Counter[tuple[int, int, int]] = Counter()
        for term, packed, passages in self.stack.rows(
            "SELECT p.term, p.packed, s.passages FROM rag_posting p JOIN rag_segment s ON s.id = p.segment_id"
            " WHERE s.document_id = %s",
            document_id,
        ):
            for place, weight in zip(packed[::2], packed[1::2], strict=True):
                found[term, ordinals[passages[place]], weight] += 1
        return found

    def leftovers(self) -> dict[str, int]:
        tables = (
            "documents_document",
            "documents_version",
            "documents_indexjob",
            "documents_passage",
            "documents_blob",
        )
        index = ("rag_vector", "rag_segment", "rag_posting")
        return {table: self.stack.rows(f"SELECT count(*) FROM {table}")[0][0] for table in (*tables, *index)}


@pytest.fixture(scope="module")
def shelf(stack: Stack) -> Shelf:
    response = stack.client.post("knowledge-bases", json={"name": "规程", "department": "finance"})
    assert response.status_code == 201, response.text
    return Shelf(stack, response.json()["id"])


@pytest.fixture(scope="module")
def undisturbed(shelf: Shelf) -> Rows:
    received = shelf.upload()
    shelf.wait_until_ready(received)
    rows = shelf.indexed_rows(received["id"])
    shelf.delete(received["id"])
    assert len(rows.passages) > 250
    assert set(rows.vectors.values()) == {1}
    assert set(rows.postings.values()) == {1}
    assert {ordinal for ordinal, _ in rows.vectors} == {passage[0] for passage in rows.passages}
    return rows


@pytest.fixture
def slowly(stack: Stack, undisturbed: Rows) -> Iterator[None]:
    stack.embeddings.delay = EMBEDDING_SECONDS
    yield
    stack.embeddings.delay = 0.0


def pool_child_at_work(stack: Stack) -> psutil.Process:
    """The pool process that holds the job: the one with a parser below it, or with a connection to the service."""
    port = stack.embeddings.port
    children = stack.worker.children()
    for child in children:
        if child.children() or any(c.raddr and c.raddr.port == port for c in child.net_connections("tcp")):
            return child
    raise AssertionError("no pool process is at work")


def kill_pool_child(stack: Stack) -> None:
    wait_for(lambda: _killed(stack), seconds=5, pause=0.005)


def _killed(stack: Stack) -> bool:
    try:
        pool_child_at_work(stack).kill()
    except AssertionError:
        return False
    return True


def kill_worker(stack: Stack) -> None:
    stack.worker.kill_tree()
    stack.worker.start()


def kill_postgres(stack: Stack) -> None:
    stack.kill_postgres()
    stack.start_postgres()


def kill_valkey(stack: Stack) -> None:
    stack.kill_valkey()
    stack.start_valkey()


def kill_valkey_and_its_memory(stack: Stack) -> None:
    stack.kill_valkey(forget=True)
    stack.start_valkey()


KILLS = [kill_pool_child, kill_worker, kill_postgres, kill_valkey, kill_valkey_and_its_memory]


@pytest.mark.usefixtures("slowly")
class TestKilled:
    @pytest.mark.parametrize("kill", KILLS)
    def test_while_embedding(self, shelf: Shelf, undisturbed: Rows, kill: Callable[[Stack], None]) -> None:
        received = shelf.upload()
        shelf.wait_until_embedding(received)
        kill(shelf.stack)
        self.check(shelf, received, undisturbed)

    @pytest.mark.parametrize("kill", [kill_pool_child, kill_worker, kill_postgres])
    def test_while_parsing(self, shelf: Shelf, undisturbed: Rows, kill: Callable[[Stack], None]) -> None:
        received = shelf.upload()
        shelf.wait_until_parsing(received)
        kill(shelf.stack)
        self.check(shelf, received, undisturbed)

    def test_with_the_message_lost_before_anybody_took_it(self, shelf: Shelf, undisturbed: Rows) -> None:
        shelf.stack.worker.kill_tree()
        received = shelf.upload()
        kill_valkey_and_its_memory(shelf.stack)
        shelf.stack.worker.start()
        self.check(shelf, received, undisturbed)

    def check(self, shelf: Shelf, received: dict[str, Any], undisturbed: Rows) -> None:
        document = shelf.wait_until_ready(received)
        rows = shelf.indexed_rows(received["id"])
        assert rows == undisturbed
        assert document["chunks"] == len(undisturbed.passages)
        assert [v["number"] for v in document["versions"]] == [1]
        shelf.delete(received["id"])
        assert set(shelf.leftovers().values()) == {0}


@pytest.mark.usefixtures("slowly")
class TestInterrupted:
    @pytest.mark.parametrize("stage", ["parsing", "embedding"])
    def test_deleting_leaves_no_trace(self, shelf: Shelf, stage: str) -> None:
        received = shelf.upload()
        getattr(shelf, f"wait_until_{stage}")(received)
        shelf.delete(received["id"])
        assert set(shelf.leftovers().values()) == {0}
        time.sleep(2)  # what a worker might still write
        assert set(shelf.leftovers().values()) == {0}
        digest = hashlib.sha256(SOURCE).hexdigest()
        path = (
            shelf.stack.servers.state.directory
            / "files"
            / blob_path(tenant_id=shelf.stack.tenant, sha256=digest)
        )  # type: ignore[arg-type]
        assert not path.exists()

    @pytest.mark.parametrize("stage", ["parsing", "embedding"])
    def test_cancelling_stops_the_worker_and_cleans_up(self, shelf: Shelf, stage: str) -> None:
        received = shelf.upload()
        getattr(shelf, f"wait_until_{stage}")(received)
        answer = shelf.stack.client.post(f"jobs/{received['job']}/cancel").json()
        assert answer["cancel_requested"] is True
        wait_for(lambda: shelf.document(received["id"])["status"] == "cancelled", seconds=15)
        counts = shelf.leftovers()
        assert (counts["documents_passage"], counts["rag_vector"], counts["rag_posting"]) == (0, 0, 0)
        shelf.delete(received["id"])

    def test_without_a_broker_an_upload_is_accepted_and_indexed_later(
        self, shelf: Shelf, undisturbed: Rows
    ) -> None:
        shelf.stack.kill_valkey()
        begun = time.monotonic()
        received = shelf.upload()
        assert time.monotonic() - begun < 10
        shelf.stack.start_valkey()
        shelf.wait_until_ready(received)
        assert shelf.indexed_rows(received["id"]) == undisturbed
        shelf.delete(received["id"])

"""While a version replaces another, whoever reads sees exactly one of the two."""

import threading

from django.db import connection, connections

from controlplane.core.scope import scoped
from tests.controlplane.documents.library import Library

# What every search does: passages of live versions, with the vectors and segments of the index.
READ = """
SELECT DISTINCT p.version_id, count(*) OVER (PARTITION BY p.version_id), count(v.passage_id) OVER (PARTITION BY p.version_id)
FROM documents_document d
JOIN documents_passage p ON p.tenant_id = d.tenant_id AND p.version_id = d.live_version
LEFT JOIN rag_vector v ON v.tenant_id = p.tenant_id AND v.passage_id = p.id
WHERE d.id = %s
"""


def text(version: int) -> str:
    return "\n\n".join(f"# 第 {n} 条\n\n版本 {version} 的规定 {n}。" + "应当遵守。" * 60 for n in range(8))


class Reader(threading.Thread):
    """Reads again and again; `seen` holds each distinct answer, a set of (version, passages, vectors)."""

    def __init__(self, library: Library, document_id: str) -> None:
        super().__init__()
        self.library = library
        self.document_id = document_id
        self.seen: set[frozenset[tuple[object, ...]]] = set()
        self.reads = 0
        self.ended = threading.Event()

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                with scoped(self.library.key.principal.scope()), connection.cursor() as cursor:
                    cursor.execute(READ, [self.document_id])
                    self.seen.add(frozenset(cursor.fetchall()))
                self.reads += 1
        finally:
            connections.close_all()


def test_readers_see_one_version_or_the_other_and_never_both_or_none(library: Library) -> None:
    document = library.indexed(text(1), "条例.md")
    readers = [Reader(library, document["id"]) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for version in range(2, 6):
            library.upload(text(version), "条例.md")
            library.work()
    finally:
        for reader in readers:
            reader.ended.set()
            reader.join()
    chunks = document["chunks"]
    versions = set()
    for seen in readers[0].seen | readers[1].seen | readers[2].seen:
        assert len(seen) == 1, f"several versions, or none: {seen}"
        ((version_id, passages, vectors),) = seen
        assert (passages, vectors) == (chunks, chunks)
        versions.add(version_id)
    assert len(versions) >= 2
    assert all(reader.reads > 10 for reader in readers)
    final = library.document(document["id"])
    assert [v["live"] for v in final["versions"]] == [True, False, False, False, False]
    counts = library.traces()
    assert (counts["documents_passage"], counts["rag_vector"]) == (chunks, chunks)

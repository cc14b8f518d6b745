from uuid import uuid4

import numpy as np
import pytest
from django.db import connection

from controlplane.documents.models import Document, Passage, Version
from rag.index import PassageIndex, Space
from tests.rag.library import DIMENSION, Library, count, unit

TEXTS = {"变压器油温超过85℃": unit(1), "不良贷款率上升": unit(0, 1), "居住证办理时限": unit(0, 0, 1)}


def missing(library: Library, version, *, space=None, limit=10) -> list[int]:
    with connection.cursor() as cursor:
        return PassageIndex(cursor=cursor).missing(
            tenant_id=library.tenant, space_id=(space or library.space).id, version_id=version, limit=limit
        )


def test_a_batch_that_runs_twice_leaves_one(library: Library):
    with library.all_seen():
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=list(TEXTS))
        passages = dict(zip(ids, TEXTS.items(), strict=True))
        library.index(document=document, version=version, passages=passages)
        rows = [count(table) for table in ("rag_vector", "rag_segment", "rag_posting")]
        scores = [hit.keyword for hit in library.search("油温", mode="keyword")]
        library.index(document=document, version=version, passages=passages)
        assert [count(table) for table in ("rag_vector", "rag_segment", "rag_posting")] == rows
        assert rows[:2] == [3, 1]
        assert [hit.keyword for hit in library.search("油温", mode="keyword")] == scores


def test_a_batch_that_overlaps_the_last_one_adds_the_rest(library: Library):
    with library.all_seen():
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=list(TEXTS))
        passages = dict(zip(ids, TEXTS.items(), strict=True))
        library.index(document=document, version=version, passages={i: passages[i] for i in ids[:2]})
        library.index(document=document, version=version, passages={i: passages[i] for i in ids[1:]})
        assert count("rag_vector") == 3
        assert library.found("贷款", mode="keyword") == [ids[1]]
        assert library.found("居住证", mode="keyword") == [ids[2]]


def test_missing_names_what_is_not_indexed_yet_in_order(library: Library):
    with library.all_seen():
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=["甲", "乙", "丙", "丁"])
        assert missing(library, version) == ids
        library.index(document=document, version=version, passages={ids[1]: ("乙", unit(1))})
        assert missing(library, version) == [ids[0], ids[2], ids[3]]
        assert missing(library, version, limit=2) == [ids[0], ids[2]]
        other = library.add_space(Space(uuid4(), "other", DIMENSION))
        assert missing(library, version, space=other) == ids


def test_removing_a_version_leaves_nothing_of_it(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        version = Version.objects.get().id
        with connection.cursor() as cursor:
            removed = PassageIndex(cursor=cursor).remove_version(tenant_id=library.tenant, version_id=version)
        assert removed == 3
        assert [count(table) for table in ("rag_vector", "rag_segment", "rag_posting")] == [0, 0, 0]


def test_two_spaces_share_the_terms_and_part_with_the_last(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        version, document = Version.objects.get(), Document.objects.get()
        postings = count("rag_posting")
        other = library.add_space(Space(uuid4(), "other", DIMENSION))
        ids = list(Passage.objects.order_by("ordinal").values_list("id", flat=True))
        library.index(
            document=document.id,
            version=version.id,
            passages=dict(zip(ids, TEXTS.items(), strict=True)),
            space=other,
        )
        assert (count("rag_vector"), count("rag_posting")) == (6, postings)
        with connection.cursor() as cursor:
            index = PassageIndex(cursor=cursor)
            assert index.remove_space(tenant_id=library.tenant, space_id=library.space.id) == 3
            assert (count("rag_vector"), count("rag_posting")) == (3, postings)
            left = index.remove_version(tenant_id=library.tenant, version_id=version.id, space_id=other.id)
        assert left == 3
        assert [count(table) for table in ("rag_vector", "rag_segment", "rag_posting")] == [0, 0, 0]


def test_a_document_deleted_in_sql_takes_its_index_along(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        kept = library.store({"继电器备件": unit(0, 0, 0, 1)})
        first = Document.objects.exclude(id=Passage.objects.get(id=kept[0]).document_id).get()
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM documents_document WHERE id = %s", [first.id])
        assert count("rag_vector") == 1
        assert count("rag_segment") == 1
        assert library.found("油温 贷款 备件", mode="keyword") == kept
        assert count("rag_posting") == 4  # 继电 电器 继电器 备件


def test_a_long_batch_is_cut_into_segments(library: Library):
    with library.all_seen():
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=["油温"] * 300)
        library.index(document=document, version=version, passages={id_: ("油温", unit(1)) for id_ in ids})
        assert count("rag_segment") == 2
        assert len(library.search("油温", mode="keyword", top_k=400)) == 300


@pytest.mark.parametrize(
    "vector", [np.ones(3, np.float32), np.full(DIMENSION, np.nan, np.float32), unit(1)[None]]
)
def test_a_vector_of_another_shape_or_without_numbers_is_refused(library: Library, vector):
    with library.all_seen():
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=["甲"])
        with pytest.raises(ValueError, match="vector"):
            library.index(document=document, version=version, passages={ids[0]: ("甲", vector)})
        assert count("rag_vector") == 0


def test_another_tenant_sees_and_removes_nothing(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        version = Version.objects.get().id
    other = Library()
    with other.all_seen(), connection.cursor() as cursor:
        assert [count(table) for table in ("rag_vector", "rag_segment", "rag_posting")] == [0, 0, 0]
        assert PassageIndex(cursor=cursor).remove_version(tenant_id=library.tenant, version_id=version) == 0
    with library.all_seen():
        assert count("rag_vector") == 3

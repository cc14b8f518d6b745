from uuid import uuid4

import numpy as np
import pytest

from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document
from rag.index import Space
from tests.rag.library import Library, unit

OIL, LOAN, PERMIT = "变压器油温超过85℃时停运", "不良贷款率上升到1.2%", "居住证办理时限15日"
TEXTS = {OIL: unit(1, 0.1), LOAN: unit(0, 1), PERMIT: unit(0.2, 0, 1)}


def test_dense_search_ranks_by_cosine(library: Library):
    with library.all_seen():
        oil, loan, permit = library.store(TEXTS)
        hits = library.search("", vector=unit(1), mode="dense")
        assert [hit.passage_id for hit in hits] == [oil, permit, loan]
        assert hits[0].dense == pytest.approx(1 / 1.01**0.5, abs=1e-3)
        assert (hits[0].keyword, hits[0].coverage) == (None, 0.0)


def test_keyword_search_finds_units_and_scores_bm25(library: Library):
    with library.all_seen():
        oil, _, _ = library.store(TEXTS)
        (hit,) = library.search("85℃", mode="keyword")
        assert hit.passage_id == oil
        assert (hit.dense, hit.coverage) == (None, 1.0)
        # Two terms (85 and 85°c), each in one of three passages: idf ln(1 + 2.5/1.5); short passages weigh more than 1.
        assert 2 * 0.98 < hit.keyword < 2 * 0.98 * 2.2


def test_a_hybrid_hit_knows_both_scores_whichever_leg_found_it(library: Library):
    with library.all_seen():
        oil, loan, _ = library.store(TEXTS)
        hits = {hit.passage_id: hit for hit in library.search("贷款", vector=unit(1))}
        assert hits[oil].keyword == 0.0
        assert hits[oil].coverage == 0.0
        assert hits[loan].dense == pytest.approx(0.0, abs=1e-3)
        assert hits[loan].coverage == 1.0


def test_coverage_counts_terms_that_no_passage_has(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        (hit,) = library.search("油温 闰土", mode="keyword")
        assert 0.25 < hit.coverage < 0.5


def test_scores_lie_between_zero_and_one_and_fall(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        scores = [hit.score for hit in library.search("油温超过85℃", vector=unit(1))]
        assert scores == sorted(scores, reverse=True)
        assert all(0 <= score <= 1 for score in scores)


def test_a_question_without_words_searches_by_meaning(library: Library):
    with library.all_seen():
        oil, _, _ = library.store(TEXTS)
        assert library.found("这是什么？", vector=unit(1), top_k=1) == [oil]
        assert library.found("这是什么？", mode="keyword") == []


def test_top_k_beyond_the_usual_number_of_candidates(library: Library):
    with library.all_seen():
        library.store({f"油温 {number}": unit(1, number / 100) for number in range(120)})
        assert len(library.found("油温", vector=unit(1), top_k=120)) == 120


def test_only_the_bases_asked_for(library: Library):
    with library.all_seen():
        (here,) = library.store({OIL: unit(1)})
        base = library.add_base(uuid4())
        (there,) = library.store({OIL: unit(1)}, base=base)
        assert library.found("油温", vector=unit(1)) == [here]
        assert library.found("油温", vector=unit(1), bases=[base]) == [there]
        assert set(library.found("油温", vector=unit(1), bases=[base, library.base])) == {here, there}
        assert library.found("油温", vector=unit(1), bases=[]) == []


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_department_and_clearance_bound_every_mode(library: Library, mode):
    with library.all_seen():
        other = library.add_department(uuid4())
        (mine,) = library.store({OIL: unit(1)})
        (secret,) = library.store({OIL: unit(1)}, secrecy=Secrecy.CONFIDENTIAL)
        (theirs,) = library.store({OIL: unit(1)}, department=other)
    with library.seen_by(departments=[library.department], clearance=Secrecy.INTERNAL):
        assert library.found("油温", vector=unit(1), mode=mode) == [mine]
    with library.seen_by(departments=[library.department], clearance=Secrecy.CONFIDENTIAL):
        assert set(library.found("油温", vector=unit(1), mode=mode)) == {mine, secret}
    with library.seen_by(departments=[other], clearance=Secrecy.SECRET):
        assert library.found("油温", vector=unit(1), mode=mode) == [theirs]
    with library.seen_by(departments=[], clearance=Secrecy.SECRET):
        assert library.found("油温", vector=unit(1), mode=mode) == []


def test_scores_do_not_tell_what_the_asker_may_not_read(library: Library):
    with library.all_seen():
        library.store(TEXTS)
    with library.seen_by(departments=[library.department], clearance=Secrecy.PUBLIC):
        before = library.search("油温 贷款", vector=unit(1))
    with library.all_seen():
        library.store({f"油温秘密{number}": unit(1) for number in range(20)}, secrecy=Secrecy.SECRET)
    with library.seen_by(departments=[library.department], clearance=Secrecy.PUBLIC):
        assert library.search("油温 贷款", vector=unit(1)) == before


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_another_tenant_finds_nothing_even_when_it_names_the_ids(library: Library, mode):
    with library.all_seen():
        library.store(TEXTS)
    stranger = Library()
    with stranger.all_seen():
        assert (
            stranger.found("油温", vector=unit(1), mode=mode, bases=[library.base], space=library.space) == []
        )


@pytest.mark.parametrize("mode", ["hybrid", "dense", "keyword"])
def test_exactly_one_version_is_found(library: Library, mode):
    with library.all_seen():
        document = library.add_document()
        old, old_ids = library.add_version(document=document, texts=["油温旧"])
        library.index(document=document, version=old, passages={old_ids[0]: ("油温旧", unit(1))})
        new, new_ids = library.add_version(document=document, texts=["油温新"], live=False)
        library.index(document=document, version=new, passages={new_ids[0]: ("油温新", unit(1))})
        assert library.found("油温", vector=unit(1), mode=mode) == old_ids
        library.make_live(document=document, version=new)
        assert library.found("油温", vector=unit(1), mode=mode) == new_ids
        Document.objects.update(live_version=None)
        assert library.found("油温", vector=unit(1), mode=mode) == []


def test_the_vectors_of_another_space_are_not_compared(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        other = library.add_space(Space(uuid4(), "other", 384))
        assert library.found("", vector=unit(1), mode="dense", space=other) == []
        assert library.found("油温", mode="keyword", space=other) != []


@pytest.mark.parametrize("dimension", [512, 768, 1024, 100, 2048])
def test_every_dimension_is_searched_with_or_without_a_graph_for_it(library: Library, dimension: int):
    with library.all_seen():
        space = library.add_space(Space(uuid4(), "other", dimension))
        near, far = np.eye(2, dimension, dtype=np.float32)
        document = library.add_document()
        version, ids = library.add_version(document=document, texts=["甲", "乙"])
        library.index(
            document=document,
            version=version,
            space=space,
            passages={ids[0]: ("甲", far), ids[1]: ("乙", near)},
        )
        assert library.found("", vector=near, mode="dense", space=space, top_k=1) == [ids[1]]


@pytest.mark.parametrize("vector", [None, unit(1)[:100]])
def test_a_query_without_a_fitting_vector_is_refused(library: Library, vector):
    with library.all_seen(), pytest.raises(ValueError, match="384 dimensions"):
        library.search("油温", vector=vector)


def test_a_hit_tells_what_each_leg_brought(library: Library):
    with library.all_seen():
        oil, loan, _ = library.store(TEXTS)
        hits = {hit.passage_id: hit for hit in library.search("贷款", vector=unit(1))}
        for hit in hits.values():
            parts = [leg.share * leg.weight for leg in (hit.dense_leg, hit.keyword_leg)]
            assert sum(parts) == pytest.approx(hit.score, abs=1e-6)
        assert (hits[oil].dense_leg.rank, hits[oil].keyword_leg.rank) == (1, None)
        assert hits[loan].keyword_leg.rank == 1


def test_a_leg_that_took_no_part_tells_nothing(library: Library):
    with library.all_seen():
        library.store(TEXTS)
        (hit,) = library.search("85℃", mode="keyword")
        assert (hit.dense_leg, hit.keyword_leg.rank, hit.keyword_leg.weight) == (None, 1, 1.0)
        assert library.search("", vector=unit(1), mode="dense")[0].keyword_leg is None

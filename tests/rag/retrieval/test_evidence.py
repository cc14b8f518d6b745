from uuid import UUID

import pytest

from rag.retrieval import Evidence, Hit, judge


def hit(score: float, *, passage: int = 1, dense: float | None = 0.5, keyword: float | None = 3.0) -> Hit:
    return Hit(passage, UUID(int=1), UUID(int=2), score, dense, keyword, 0.5)


TEXTS = {1: "变压器油温", 2: "不良贷款率"}


def test_no_hits():
    assert judge(query="问", hits=[], texts={}) == Evidence(False, 0.0, "nothing_found")


def test_the_best_hit_decides_wherever_it_stands():
    hits = [hit(0.1), hit(0.4, passage=2)]
    assert judge(query="问", hits=hits, texts=TEXTS) == Evidence(True, 0.4, "")


def test_thin_evidence_says_so():
    assert judge(query="问", hits=[hit(0.1)], texts=TEXTS) == Evidence(False, 0.1, "too_thin")


def test_a_threshold_of_the_assistants_own():
    assert judge(query="问", hits=[hit(0.1)], texts=TEXTS, threshold=0.1).sufficient
    assert not judge(query="问", hits=[hit(0.5)], texts=TEXTS, threshold=0.6).sufficient


@pytest.mark.parametrize("texts", [{}, {1: "  "}])
def test_a_hit_without_its_text_carries_nothing(texts):
    assert judge(query="问", hits=[hit(0.9)], texts=texts).reason == "nothing_found"


def test_an_empty_question_is_answered_by_nothing():
    assert judge(query=" ", hits=[hit(0.9)], texts=TEXTS).reason == "nothing_found"


def test_each_mode_has_a_scale_of_its_own():
    assert not judge(query="问", hits=[hit(0.25, keyword=None)], texts=TEXTS).sufficient
    assert judge(query="问", hits=[hit(0.12, dense=None)], texts=TEXTS).sufficient


def test_the_threshold_is_told():
    assert judge(query="问", hits=[hit(0.5)], texts=TEXTS).threshold == 0.19
    assert judge(query="问", hits=[hit(0.5, dense=None)], texts=TEXTS).threshold == 0.11
    assert judge(query="问", hits=[hit(0.5, keyword=None)], texts=TEXTS).threshold == 0.29
    assert judge(query="问", hits=[hit(0.5)], texts=TEXTS, threshold=0.6).threshold == 0.6

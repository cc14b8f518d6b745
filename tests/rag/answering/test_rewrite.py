import pytest

from rag.answering.rewrite import follows_up, joined_question, rewrite_messages, rewritten
from rag.answering.source import Turn

TURNS = [Turn("变压器油温超过85℃怎么办？", "应立即降低负荷并检查冷却装置[1]。")]
ENGLISH = [Turn("How often is a critical third party assessed?", "Every twelve months [1].")]


@pytest.mark.parametrize(
    "question", ["那95℃呢？", "它的复位值是多少？", "为什么？", "处理完以后这个要上报吗？", "多久一次？"]
)
def test_what_points_back_or_says_too_little_follows_up(question: str) -> None:
    assert follows_up(question=question, turns=TURNS)
    assert not follows_up(question=question, turns=[])


def test_a_full_question_stands_alone() -> None:
    assert not follows_up(question="断路器检修周期最长不得超过多少年？", turns=TURNS)
    assert not follows_up(question="How long are audit records kept by Group Compliance?", turns=ENGLISH)
    assert follows_up(question="And what about minor ones?", turns=ENGLISH)


@pytest.mark.parametrize(
    ("answer", "question"),
    [
        ("变压器油温超过95℃怎么办？", "那95℃呢？"),
        ("改写后的问题：变压器油温超过95℃怎么办？", "那95℃呢？"),
        ("变压器油温超过95℃怎么办？", "如果到了95℃呢？"),
        ("“变压器油温超过95℃怎么办？”\n说明：补全了主语。", "那95℃呢？"),
    ],
)
def test_a_good_rewriting_is_taken(answer: str, question: str) -> None:
    assert rewritten(answer=answer, question=question, turns=TURNS) == "变压器油温超过95℃怎么办？"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "nothing"),
        ("变压器油温超过105℃怎么办？", "a number that nobody said"),
        ("应立即停运变压器并报告调度值班员处理。", "an answer"),
        ("变压器油温超过85℃怎么办？", "the earlier question again"),
        ("变压器油温怎么办？", "drops what was asked"),
        ("那95℃呢？", "the follow-up again"),
        ("What if it is 95℃ for the transformer oil?", "another language"),
        ("变压器油温超过95℃怎么办？" * 20, "too long"),
    ],
)
def test_a_rewriting_that_cannot_be_trusted_is_not_taken(answer: str, why: str) -> None:
    assert rewritten(answer=answer, question="那95℃呢？", turns=TURNS) is None, why


def test_the_prompt_holds_the_dialogue_without_marks() -> None:
    messages = rewrite_messages(question="那95℃呢？", turns=TURNS)
    last = messages[-1].content
    assert (
        last
        == "问：变压器油温超过85℃怎么办？\n答：应立即降低负荷并检查冷却装置。\n追问：那95℃呢？\n改写后的问题："
    )
    assert messages[0].role == "system"


def test_without_an_engine_the_questions_are_joined() -> None:
    assert joined_question(question="那95℃呢？", turns=TURNS) == "变压器油温超过85℃怎么办？ 那95℃呢？"
    assert joined_question(question="什么？", turns=[]) == "什么？"

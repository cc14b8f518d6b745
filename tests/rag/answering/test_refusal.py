import pytest

from rag.answering.language import Language
from rag.answering.refusal import RefusalReason, declines, refusal_text


@pytest.mark.parametrize(
    "sentence",
    [
        "资料中未提及",
        "资料中未提及董事长的姓名。",
        "资料中没有提到相关内容",
        "根据提供的资料，无法确定具体金额。",
        "文档里没有找到这个问题的答案。",
        "所给资料并未说明。",
        "抱歉，我无法回答。",
        "The passages do not mention this.",
        "This is not mentioned in the documents.",
        "The provided information does not contain the answer.",
        "I don't know.",
        "It cannot be determined from the passages.",
    ],
)
def test_a_model_that_declines(sentence: str) -> None:
    assert declines(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "住宅抵押率最高不超过70%。",
        "未经批准不得外出。",
        "没有身份证的，可以持户口簿办理。",
        "无法提供原件的，应提交复印件。",
        "客户不能提供收入证明时，可用纳税记录代替。",
        "The key does not open the cabinet.",
        "Vendors that do not meet the standard are removed.",
    ],
)
def test_an_answer_that_says_no_is_no_refusal(sentence: str) -> None:
    assert not declines(sentence)


def test_every_reason_has_a_text_in_both_languages() -> None:
    for reason in set(RefusalReason) - {RefusalReason.CUT_OFF}:
        chinese = refusal_text(reason=reason, language="zh", searched=["制度", "手册"])
        english = refusal_text(reason=reason, language="en", searched=["Rules", "Manuals"])
        assert "已检索：制度、手册。" in chinese
        assert "Searched: Rules, Manuals. " in english
        assert declines(chinese.split("：")[0])


def test_many_bases_are_named_in_part() -> None:
    names = [f"库{n}" for n in range(9)]
    text = refusal_text(reason=RefusalReason.NOTHING_FOUND, language="zh", searched=names)
    assert "已检索：库0、库1、库2、库3、库4 …。" in text


def test_without_names_nothing_is_said_of_searching() -> None:
    assert "已检索" not in refusal_text(reason=RefusalReason.NO_KNOWLEDGE, language="zh")


def test_an_answer_that_was_cut_off_says_what_to_raise() -> None:
    languages: tuple[Language, ...] = ("zh", "en")
    for language in languages:
        text = refusal_text(reason=RefusalReason.CUT_OFF, language=language, searched=["制度"])
        assert "max_tokens" in text
        assert not declines(text)

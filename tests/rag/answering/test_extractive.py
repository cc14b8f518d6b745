from rag.answering.extractive import extracted_answer
from rag.answering.source import Source

SOURCES = [
    Source(1, "授信管理办法", "以住宅抵押的，抵押率最高不超过70%。", section="第三章", page=3),
    Source(2, "守则", "不得接受礼品。"),
    Source(3, "甲", "乙。"),
    Source(4, "丙", "丁。"),
]


def test_the_best_passages_are_quoted_with_their_places() -> None:
    answer = extracted_answer(question="住宅抵押率？", sources=SOURCES)
    assert answer.text.startswith(
        "没有配置语言模型，以下是文档中与问题最相关的原文：\n\n> 以住宅抵押的，抵押率最高不超过70%。"
    )
    assert "— 授信管理办法，第三章，第3页 [1]" in answer.text
    assert [(c.index, c.number) for c in answer.citations] == [(1, 1), (2, 2), (3, 3)]
    assert all(answer.text[c.start : c.end] == f"[{c.index}]" for c in answer.citations)


def test_it_speaks_the_questions_language() -> None:
    answer = extracted_answer(question="What is the ratio?", sources=SOURCES[:1])
    assert answer.text.startswith("No language model is configured.")
    assert "page 3 [1]" in answer.text

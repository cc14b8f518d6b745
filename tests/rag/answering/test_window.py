from rag.answering.support import terms_of
from rag.answering.window import best_window

FILL = "这是一句没有关系的话。"


def window(text: str, question: str, size: int = 60) -> str:
    return best_window(text, terms=terms_of(question), size=size)


def test_a_short_passage_stays_whole() -> None:
    assert window("短文。", "什么？") == "短文。"


def test_the_sentences_with_the_questions_terms_are_chosen_whole() -> None:
    text = FILL * 10 + "住宅抵押率最高不超过70%。" + FILL * 10
    found = window(text, "住宅抵押率最高多少？")
    assert "住宅抵押率最高不超过70%。" in found
    assert len(found) <= 60
    assert found.endswith("。")


def test_a_long_sentence_is_cut_around_the_term() -> None:
    text = "甲" * 300 + "抵押率" + "乙" * 300
    found = window(text, "抵押率")
    assert "抵押率" in found
    assert len(found) <= 60
    assert found.startswith("…")
    assert found.endswith("…")


def test_a_table_keeps_its_header() -> None:
    rows = "\n".join(f"| 行业{n} | {n}.0% |" for n in range(40))
    found = window(f"| 行业 | 不良率 |\n{rows}", "行业33的不良率", size=80)
    assert found.startswith("| 行业 | 不良率 |\n")
    assert "| 行业33 | 33.0% |" in found

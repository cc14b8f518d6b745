import pytest

from rag.answering.sentences import sentence_end, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("甲。乙！丙？", ["甲。", "乙！", "丙？"]),
        ("他说：“好。”然后走了。", ["他说：“好。”", "然后走了。"]),
        (
            "The limit is 3.5 kV. See karez.conf for more.",
            ["The limit is 3.5 kV.", "See karez.conf for more."],
        ),
        ("1. First.\n2. Second.", ["1. First.", "2. Second."]),
        ("See No. 5 of the rules.", ["See No. 5 of the rules."]),
        ("甲\n乙", ["甲", "乙"]),
        ("", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_the_end_of_the_words_and_of_the_punctuation() -> None:
    assert sentence_end("甲乙。”丙") == (2, 4)
    assert sentence_end("甲乙") is None

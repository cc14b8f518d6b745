import pytest

from rag.answering.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("抵押率是多少？", "zh"),
        ("SF6气体的压力低于0.4MPa怎么办", "zh"),
        ("What is the ratio?", "en"),
        ("What does 授信 mean in this context?", "en"),
        ("", "zh"),
        ("12345", "zh"),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language

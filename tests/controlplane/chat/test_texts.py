"""A conversation is called by the beginning of its first question."""

import pytest

from controlplane.chat.texts import title_of


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("  What is  due?\n", "What is due?"),
        ("x" * 60, "x" * 60),
        (
            "When may staff enter the GIS hall, and what has to be done before they do?",
            "When may staff enter the GIS hall, and what has to be done…",
        ),
        ("渠" * 70, "渠" * 59 + "…"),
        ("x" * 70, "x" * 59 + "…"),
        ("", ""),
    ],
)
def test_title(question: str, title: str) -> None:
    assert title_of(text=question) == title

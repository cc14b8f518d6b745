"""Reasoning never reaches the content, wherever the stream is cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.reasoning import ReasoningSplitter, Split, split_reasoning


@pytest.mark.parametrize(
    ("text", "preopened", "expected"),
    [
        ("答案是三年。", False, Split(content="答案是三年。")),
        ("<think>先查条款</think>三年。", False, Split(content="三年。", reasoning="先查条款")),
        ("<think>\n先查条款\n\n</think>\n\n三年。\n", False, Split(content="三年。\n", reasoning="先查条款")),
        ("\n <think>甲</think>乙", False, Split(content="乙", reasoning="甲")),
        ("<think>\n\n</think>\n\n三年。", False, Split(content="三年。")),
        ("<think></think>三年。", False, Split(content="三年。")),
        ("<think>想到一半就没了", False, Split(reasoning="想到一半就没了")),
        ("<think>快要完了 </thi", False, Split(reasoning="快要完了 </thi")),
        ("<thinking>甲</thinking>乙", False, Split(content="乙", reasoning="甲")),
        ("◁think▷甲◁/think▷乙", False, Split(content="乙", reasoning="甲")),
        (
            "<think>标签 </thinking> 不算</think>乙",
            False,
            Split(content="乙", reasoning="标签 </thinking> 不算"),
        ),
        ("先查条款\n</think>\n\n三年。", True, Split(content="三年。", reasoning="先查条款")),
        ("<think>先查条款</think>三年。", True, Split(content="三年。", reasoning="先查条款")),
        ("\n</think>\n\n三年。", True, Split(content="三年。")),
        ("还没想完", True, Split(reasoning="还没想完")),
        (
            "<think>甲</think>```html\n<think>x</think>\n```",
            False,
            Split(content="```html\n<think>x</think>\n```", reasoning="甲"),
        ),
        ("标签 <think> 的用法", False, Split(content="标签 <think> 的用法")),
        ("<thin", False, Split(content="<thin")),
        ("  \n", False, Split(content="  \n")),
        ("", False, Split()),
        ("", True, Split()),
    ],
)
def test_split(text: str, preopened: bool, expected: Split) -> None:
    assert split_reasoning(text=text, preopened=preopened) == expected


_PIECES = st.sampled_from(
    [
        "<think>",
        "</think>",
        "<thinking>",
        "</thinking>",
        "◁think▷",
        "◁/think▷",
        "<",
        "</",
        "th",
        ">",
        " ",
        "\n",
        "```",
        "甲",
        "answer",
        "<think",
        "</thin",
    ]
)


@given(
    text=st.lists(_PIECES, max_size=14).map("".join),
    cuts=st.lists(st.integers(min_value=0, max_value=120), max_size=12),
    preopened=st.booleans(),
)
def test_any_cutting_gives_the_same_split(text: str, cuts: list[int], preopened: bool) -> None:
    splitter = ReasoningSplitter(preopened=preopened)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    parts = [splitter.feed(text[a:b]) for a, b in itertools.pairwise(edges)]
    parts.append(splitter.finish())

    joined = Split("".join(p.content for p in parts), "".join(p.reasoning for p in parts))
    assert joined == split_reasoning(text=text, preopened=preopened)


@given(thought=st.text(max_size=60), answer=st.text(max_size=60), size=st.integers(1, 7))
def test_a_thought_between_tags_never_leaks(thought: str, answer: str, size: int) -> None:
    text = f"<think>{thought.replace('</think>', '')}</think>{answer}"
    splitter = ReasoningSplitter()
    parts = [splitter.feed(text[i : i + size]) for i in range(0, len(text), size)] + [splitter.finish()]

    assert "".join(part.content for part in parts) == answer.lstrip()


def test_text_is_passed_on_without_waiting_for_the_end() -> None:
    splitter = ReasoningSplitter()
    assert splitter.feed("<think>甲乙") == Split(reasoning="甲乙")
    assert splitter.feed("丙</th") == Split(reasoning="丙")
    assert splitter.feed("ink>\n\n答") == Split(content="答")
    assert splitter.feed("案") == Split(content="案")


def test_a_field_of_the_engine_overrules_the_template() -> None:
    splitter = ReasoningSplitter(preopened=True)
    splitter.answer_follows()
    assert splitter.feed("\n\n三年。") == Split(content="三年。")

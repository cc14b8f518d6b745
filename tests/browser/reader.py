"""An engine that reads: it answers with the sentence of the passages that shares most with the question, and cites it.

Deterministic and fast, so that what the browser shows can be asserted; everything around it is the real platform.
"""

import re
from collections.abc import Mapping
from typing import Any

from tests.fakes.engine import Answer

MODEL = "deepseek-r1"
_PASSAGE = re.compile(r"<(?:资料|passage)>\s*\[(\d+)\][^\n]*\n(.*?)</(?:资料|passage)>", re.DOTALL)
_QUESTION = re.compile(r"(?:问题：|Question: )(.*)\Z", re.DOTALL)
_SENTENCE = re.compile(r"[^。！？\n]+?(?:[。！？]|\.(?= )|(?=\n)|\Z)")


def read(body: Mapping[str, Any]) -> Answer:
    """The script for `FakeEngine(answers=…)`. A question with the word 慢 is answered slowly, piece by piece."""
    prompt = "\n".join(str(message["content"]) for message in body["messages"])
    question = question_of(prompt)
    best, number, score = "", "", 0
    for mark, text in passages(prompt):
        for sentence in _SENTENCE.findall(text):
            shared = len(_pairs(sentence) & _pairs(question))
            if shared > score and len(sentence) > 6:
                best, number, score = sentence.strip(), mark, shared
    if not best:
        return Answer(text="资料中没有相关内容。", reasoning="资料里没有找到能回答问题的内容。")
    pace = 0.25 if "慢" in question else 0.01
    if question.isascii():
        return Answer(
            text=f"{best.rstrip('.')} [{number}].",
            reasoning=f"Passage {number} answers the question directly, so it can be cited.",
            piece_delay=pace,
        )
    return Answer(
        text=f"{best.rstrip('。')}[{number}]。",
        reasoning=f"问题问的是“{question[:40]}”。第 {number} 段资料直接回答了它，引用它即可。",
        piece_delay=pace,
    )


def question_of(prompt: str) -> str:
    asked = _QUESTION.search(prompt)
    return asked.group(1).strip() if asked else ""


def passages(prompt: str) -> list[tuple[str, str]]:
    """Number and text of each."""
    return _PASSAGE.findall(prompt)


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)}

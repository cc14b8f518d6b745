"""The engine of the pictures: it answers the questions of the content as written there, and reads for all others."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.browser.guides.content import Told
from tests.browser.reader import passages, question_of, read
from tests.fakes.engine import Answer

_MISSING = {True: "资料中没有相关内容。", False: "The documents do not hold the answer."}


class Script:
    def __init__(self, told: Sequence[Told]) -> None:
        self.told = {one.question: one for one in told}

    def __call__(self, body: Mapping[str, Any]) -> Answer:
        prompt = "\n".join(str(message["content"]) for message in body["messages"])
        told = self.told.get(question_of(prompt))
        if told is None:
            return read(body)
        text = _text(told, passages(prompt))
        return Answer(text=text, reasoning=told.reasoning, first_token_delay=0.2, piece_delay=0.012)


def _text(told: Told, numbered: Sequence[tuple[str, str]]) -> str:
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in told.question)
    sentences = []
    for text, quote in told.sentences:
        number = next((mark for mark, passage in numbered if _plain(quote) in _plain(passage)), "")
        if number:
            sentences.append(f"{text}[{number}]。" if chinese else f"{text} [{number}].")
    return ("" if chinese else " ").join(sentences) or _MISSING[chinese]


def _plain(text: str) -> str:
    return "".join(text.split())

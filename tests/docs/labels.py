"""Every text that a reader can meet in the console or in the chat, by language."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from deploy.messages import stored
from frontend.chat.texts import TEXTS

Language = Literal["en", "zh-hans"]

_GAP = re.compile(r"%\(\w+\)s|%s|\{\w+\}")
# A text that is little more than what is filled in would allow anything.
_FEWEST_LETTERS = 2


@dataclass(frozen=True, slots=True)
class Text:
    """`key` is the same in both languages."""

    key: tuple[str, ...]
    pattern: re.Pattern[str]


def keys_of(label: str, *, language: Language) -> set[tuple[str, ...]]:
    """Of the texts that the label may be, what is filled in being anything: “version 2” is “version %(n)s”.

    Badges are shown with a capital that the text does not have.
    """
    forms = {label, label[:1].lower() + label[1:]}
    return {text.key for text in _texts(language) for form in forms if text.pattern.fullmatch(form)}


@cache
def _texts(language: Language) -> tuple[Text, ...]:
    said = [*_console(language), *((("chat", key), words) for key, words in TEXTS[language].items())]
    return tuple(Text(key, pattern) for key, words in said if (pattern := _pattern(words)) is not None)


def _console(language: Language) -> Iterator[tuple[tuple[str, ...], str]]:
    for message in stored():
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        if not ids[0]:
            continue
        forms = ids if language == "en" else message.string
        for form in (forms,) if isinstance(forms, str) else forms:
            yield ("console", ids[0], message.context or ""), form.replace("%%", "%")


def _pattern(words: str) -> re.Pattern[str] | None:
    fixed = _GAP.split(words)
    if len(fixed) > 1 and sum(letter.isalpha() for part in fixed for letter in part) < _FEWEST_LETTERS:
        return None
    return re.compile(".+?".join(map(re.escape, fixed)))

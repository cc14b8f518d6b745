"""Which of the two languages a text is in."""

from __future__ import annotations

import re
from typing import Literal

Language = Literal["zh", "en"]

_HAN = re.compile("[㐀-䶿一-鿿豈-﫿]")
_LATIN_WORD = re.compile("[A-Za-zÀ-ɏ]{2,}")


def language_of(text: str, *, default: Language = "zh") -> Language:
    """By counting: a Han character weighs as much as a Latin word, so that "SF6气体的压力" is Chinese."""
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    if han == latin:
        return "zh" if han else default
    return "zh" if han > latin else "en"

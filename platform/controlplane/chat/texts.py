"""Texts of conversations as they are stored."""

_TITLE_CHARACTERS = 60


def title_of(*, text: str) -> str:
    """What a conversation that begins with the question is called: cut where a word ends; Chinese has no such place."""
    whole = " ".join(text.split())
    if len(whole) <= _TITLE_CHARACTERS:
        return whole
    cut = whole[: _TITLE_CHARACTERS - 1]
    if whole[_TITLE_CHARACTERS - 1].isascii() and whole[_TITLE_CHARACTERS - 1].isalnum():
        cut = cut[: cut.rfind(" ")] if " " in cut[_TITLE_CHARACTERS // 2 :] else cut
    return cut.rstrip() + "…"


def storable(*, text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\x00", "")

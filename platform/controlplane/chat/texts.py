"""Texts of conversations as they are stored."""

_TITLE_CHARACTERS = 60


def title_of(*, text: str) -> str:
    """What a conversation that begins with the question is called."""
    return " ".join(text.split())[:_TITLE_CHARACTERS]


def storable(*, text: str) -> str:
    # PostgreSQL's text has no NUL.
    return text.replace("\x00", "")

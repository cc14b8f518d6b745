"""What somebody notes of a document for programs of their own: a JSON object that the database can hold."""

import math
from typing import Any

from django.utils.translation import gettext as _

MOST_BYTES = 16 * 1024
_MOST_DEPTH = 32


def metadata_fault(*, value: Any) -> str:
    """What is wrong with it, for its author; empty where nothing is. Its size is measured by who has it as it was sent."""
    if not isinstance(value, dict):
        return _("Give a JSON object.")
    level: list[Any] = [value]
    for _depth in range(_MOST_DEPTH):
        if not all(map(_is_storable, level)):
            return _("It holds NaN, an infinite number, or a character that cannot be stored.")
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return ""
    return _("It is nested too deeply.")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list) else []


def _is_storable(value: Any) -> bool:
    """PostgreSQL's jsonb has no NUL, no half of a surrogate pair, and no number without end."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    return not isinstance(value, float) or math.isfinite(value)

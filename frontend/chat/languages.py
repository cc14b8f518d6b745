"""Which language a request is answered in: the cookie that the console sets too, else the browser's, else Chinese."""

from collections.abc import Mapping
from typing import Literal

Language = Literal["zh-hans", "en"]
COOKIE = "karez_language"
DEFAULT: Language = "zh-hans"
# What `lang` says, and what the platform is asked for.
TAGS: dict[Language, str] = {"zh-hans": "zh-Hans", "en": "en"}


def language_of(*, cookies: Mapping[str, str], accept: str) -> Language:
    chosen = _known(cookies.get(COOKIE, ""))
    if chosen:
        return chosen
    for tag in _preferred(accept):
        if known := _known(tag):
            return known
    return DEFAULT


def _known(tag: str) -> Language | None:
    tag = tag.strip().lower()
    if tag == "zh" or tag.startswith("zh-"):
        return "zh-hans"
    return "en" if tag == "en" or tag.startswith("en-") else None


def _preferred(accept: str) -> list[str]:
    """The tags of an Accept-Language header, the most wanted first."""
    wanted: list[tuple[float, int, str]] = []
    for place, item in enumerate(accept[:500].split(",")):
        tag, _, parameters = item.partition(";")
        try:
            weight = float(parameters.strip().removeprefix("q=") or 1)
        except ValueError:
            weight = 0.0
        wanted.append((-weight, place, tag.strip()))
    return [tag for _weight, _place, tag in sorted(wanted)]

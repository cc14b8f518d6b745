"""Tags and filters of the console's templates."""

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

SPRITE = "console/icons.svg"
_UNITS = ("B", "kB", "MB", "GB", "TB")


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """A drawing beside a text, or in a button that has a label of its own: it says nothing to a screen reader."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        classes,
        static(SPRITE),
        name,
    )


@register.filter
def bytes_size(value: int | None) -> str:
    """`1.4 MB`."""
    if value is None:
        return ""
    size, unit = float(value), 0
    while size >= 1000 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"


@register.filter
def milliseconds(value: int | None) -> str:
    """`840 ms`, `2.4 s`."""
    if value is None:
        return "–"
    return f"{value} ms" if value < 1000 else f"{value / 1000:.1f} s"


@register.simple_tag(takes_context=True)
def query(context: Any, **changes: Any) -> str:
    """The page's query string with these parameters changed; the cursor belongs to the old one and goes."""
    asked = context["request"].GET.copy()
    asked.pop("cursor", None)
    for name, value in changes.items():
        if value in (None, ""):
            asked.pop(name, None)
        else:
            asked[name] = str(value)
    return f"?{asked.urlencode()}" if asked else "?"

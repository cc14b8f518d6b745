"""Tags and filters of the console's templates."""

from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import sentences

register = template.Library()
register.simple_tag(sentences)

SPRITE = "console/icons.svg"
_REFUSALS = {
    "no_knowledge": _("the assistant has no knowledge base"),
    "nothing_found": _("nothing was found"),
    "weak_evidence": _("what was found is not enough"),
    "model_declined": _("the passages do not say it"),
    "unsupported_answer": _("the answer was not covered by the passages"),
    "cut_off": _("the answer was cut off"),
}
_GROUPS = {
    "day": _("Day"),
    "hour": _("Hour"),
    "department": _("Department"),
    "assistant": _("Assistant"),
    "model": _("Model"),
}
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


@register.filter
def thousands(value: object) -> str:
    """`12,345`; what is no number as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value)


@register.filter
def abs_of(value: int) -> int:
    return abs(value)


@register.filter
def refusal_words(reason: str) -> str | Promise:
    """The reason of a refusal in words; an unknown one as it is."""
    return _REFUSALS.get(reason, reason)


@register.filter
def group_heading(group_by: str) -> str | Promise:
    return _GROUPS.get(group_by, group_by)


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

"""Tags and filters of the page of engines."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from controlplane.serving.models import ReplicaState

register = template.Library()

_LOOKS = {
    "starting": "",
    "ready": "badge--good",
    "saturated": "badge--warn",
    "draining": "badge--warn",
    "failed": "badge--bad",
}


@register.simple_tag
def replica_badge(state: str) -> SafeString:
    words = ReplicaState(state).label
    return format_html('<span class="badge badge--dot {}">{}</span>', _LOOKS[state], words)


@register.filter
def share(value: float | None) -> str:
    """`45 %`; a dash for what is not told."""
    return "–" if value is None else f"{value:.0%}".replace("%", " %")

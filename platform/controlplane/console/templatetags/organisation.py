"""Tags of the pages about people, keys and the trail."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from controlplane.identity.actors import Actor
from controlplane.tenants.models import Membership, Role

register = template.Library()

_ROLE_LOOKS = {Role.ADMIN: "badge--brand", Role.MANAGER: "badge--info"}
_OUTCOMES = {
    "new": ("badge--good", _("new person")),
    "join": ("badge--info", _("new membership")),
    "change": ("badge--warn", _("changed rights")),
    "same": ("", _("unchanged")),
    "error": ("badge--bad", _("error")),
}


@register.simple_tag
def role_badge(membership: Membership) -> SafeString:
    look = _ROLE_LOOKS.get(Role(membership.role), "")
    return format_html('<span class="badge {}">{}</span>', look, capfirst(membership.get_role_display()))


@register.simple_tag
def outcome_badge(outcome: str) -> SafeString:
    look, words = _OUTCOMES[outcome]
    return format_html('<span class="badge {}">{}</span>', look, capfirst(words))


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """A time that the script of the page tells in the reader's own zone."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return format_html(
        '<time data-local datetime="{}">{}</time>', at.isoformat(), local.strftime("%Y-%m-%d %H:%M")
    )


@register.simple_tag
def actor(who: Actor) -> SafeString:
    """A name, with the address beneath; in grey who is no member: not any more, or never, as the platform's administrators."""
    if who.kind == "system":
        return format_html('<span class="muted">{}</span>', _("the platform"))
    if not who.name:
        kind = _("a key that is gone") if who.kind == "key" else _("somebody who is not a member")
        return format_html('<span class="muted" title="{}">{}</span>', who.id or "", kind)
    if who.kind == "key":
        return format_html('<span class="badge">API</span> {}', who.name)
    return format_html('<span title="{}">{}</span>', who.email, who.name)


_STATES = {
    "ready": ("badge--good", _("Ready")),
    "down": ("badge--bad", _("Down")),
    "unknown": ("badge--warn", _("Unknown")),
}
_KINDS = {"chat": _("answers"), "embedding": _("embeds"), "rerank": _("ranks")}


@register.simple_tag
def state_badge(state: str) -> SafeString:
    look, words = _STATES[state]
    return format_html('<span class="badge badge--dot {}">{}</span>', look, words)


@register.simple_tag
def kind_word(kind: str) -> str:
    return str(_KINDS[kind])

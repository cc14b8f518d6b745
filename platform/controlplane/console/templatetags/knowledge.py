"""How states of documents and jobs look."""

from django import template
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from controlplane.console.passages import Part, parts_of
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import DocumentStatus, JobStatus
from controlplane.documents.notices import notice

register = template.Library()

_LOOKS = {
    "ready": "good",
    "done": "good",
    "failed": "bad",
    "queued": "plain",
    "cancelled": "plain",
    "parsing": "info",
    "embedding": "info",
    "running": "info",
}
_NAMES: dict[str, str | Promise] = {
    "ready": _("Ready"),
    "done": _("Done"),
    "failed": _("Failed"),
    "queued": _("Waiting"),
    "cancelled": _("Cancelled"),
    "parsing": _("Being read"),
    "embedding": _("Being indexed"),
    "running": _("Running"),
    "open": _("Waiting or running"),
}
_SECRECY_LOOKS = {
    Secrecy.PUBLIC: "plain",
    Secrecy.INTERNAL: "brand",
    Secrecy.CONFIDENTIAL: "warn",
    Secrecy.SECRET: "bad",
}


@register.simple_tag
def status_badge(status: str) -> SafeString:
    """Of a document, a version or a job."""
    return format_html(
        '<span class="badge badge--dot badge--{}">{}</span>', _LOOKS.get(status, "plain"), status_name(status)
    )


@register.filter
def status_name(status: str) -> str:
    return str(_NAMES.get(status, status))


@register.filter
def reader_notice(warning: str) -> str:
    return notice(warning=warning)


@register.simple_tag
def secrecy_badge(level: int) -> SafeString:
    secrecy = Secrecy(level)
    return format_html(
        '<span class="badge badge--{}">{}</span>', _SECRECY_LOOKS[secrecy], capfirst(secrecy.label)
    )


def all_named() -> bool:
    """Whether each state has a name and a look."""
    states = {*DocumentStatus.values, *JobStatus.values}
    return states <= set(_NAMES) and states <= set(_LOOKS)


@register.inclusion_tag("console/parts/passage.html")
def passage(text: str) -> dict[str, tuple[Part, ...]]:
    return {"parts": parts_of(text=text)}

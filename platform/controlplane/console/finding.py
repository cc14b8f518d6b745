"""What the search of the whole console finds: pages, and the few best of each kind of thing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.selectors import managed_assistant_list
from controlplane.chat.reviews import ReviewFilters, reviewed_conversation_list
from controlplane.console.navigation import groups_for
from controlplane.console.needs import Need
from controlplane.documents.selectors import document_list, knowledge_base_list
from controlplane.identity.directory import person_list
from controlplane.identity.principal import Principal

MOST = 5
# Older conversations are found on their own page, where the days can be chosen.
_CONVERSATIONS = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Hit:
    icon: str
    title: str
    note: str
    address: str


@dataclass(frozen=True, slots=True)
class HitGroup:
    title: Promise
    hits: list[Hit]


def find(*, principal: Principal, text: str) -> list[HitGroup]:
    """Groups with at least one hit; the pages alone for an empty text. At most five of a kind, a query or two for each."""
    text = " ".join(text.replace("\x00", "").split())[:100]
    groups = [HitGroup(_("Sections"), _pages(principal, text))]
    if text:
        groups += [
            HitGroup(title, list(search(principal, text)))
            for need, title, search in _KINDS
            if need.is_met_by(principal)
        ]
    return [group for group in groups if group.hits]


def _pages(principal: Principal, text: str) -> list[Hit]:
    sections = [section for group in groups_for(principal=principal) for section in group.sections]
    return [
        Hit(section.icon, str(section.title), "", section.url)
        for section in sections
        if text.casefold() in str(section.title).casefold()
    ]


def _bases(principal: Principal, text: str) -> Iterable[Hit]:
    found = knowledge_base_list(tenant_id=principal.tenant).filter(name__icontains=text)
    for base in found.order_by("name")[:MOST]:
        yield Hit("library", base.name, base.department.name, reverse("console:base", args=[base.pk]))


def _documents(principal: Principal, text: str) -> Iterable[Hit]:
    # Not joined: taking the bases that may be seen for one, the planner would go through all their documents first.
    found = document_list(tenant_id=principal.tenant, text=text).prefetch_related("knowledge_base")
    for document in found.order_by("-id")[:MOST]:
        address = reverse("console:document", args=[document.pk])
        yield Hit("file-text", document.filename, document.knowledge_base.name, address)


def _assistants(principal: Principal, text: str) -> Iterable[Hit]:
    found = managed_assistant_list(principal=principal).filter(name__icontains=text)
    for assistant in found.order_by("name")[:MOST]:
        address = reverse("console:assistant", args=[assistant.slug])
        yield Hit("bot", assistant.name, assistant.department.name, address)


def _conversations(principal: Principal, text: str) -> Iterable[Hit]:
    since = timezone.localdate() - _CONVERSATIONS
    found = reviewed_conversation_list(principal=principal, filters=ReviewFilters(q=text, since=since))
    for conversation in found.order_by("-id")[:MOST]:
        address = reverse("console:conversation", args=[conversation.pk])
        assistant = conversation.assistant.name if conversation.assistant else ""
        yield Hit("messages-square", conversation.title, assistant, address)


def _people(principal: Principal, text: str) -> Iterable[Hit]:
    for person in person_list(principal=principal, q=text).order_by("name")[:MOST]:
        address = reverse("console:person", args=[person.pk])
        yield Hit("users", person.name or person.email, person.email, address)


_Search = Callable[[Principal, str], Iterable[Hit]]
_KINDS: tuple[tuple[Need, Promise, _Search], ...] = (
    (Need.MANAGER, _("Knowledge bases"), _bases),
    (Need.MANAGER, _("Documents"), _documents),
    (Need.MANAGER, _("Assistants"), _assistants),
    (Need.ADMIN, _("People"), _people),
    (Need.MANAGER, _("Conversations"), _conversations),
)

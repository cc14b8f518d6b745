"""What events are about: its name and its page, as far as it still exists and the reader may see it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from controlplane.assistants.models import Assistant
from controlplane.chat.models import Conversation
from controlplane.documents.models import Document, KnowledgeBase
from controlplane.identity.models import ApiKey, User
from controlplane.tenants.models import Department


@dataclass(frozen=True, slots=True)
class Target:
    name: str = ""
    address: str = ""


_Names = Callable[[set[UUID]], Mapping[UUID, tuple[str, str]]]


def targets_of(targets: Iterable[str]) -> dict[str, Target]:
    """By their texts. A query for each kind among them."""
    by_kind: dict[str, set[UUID]] = {}
    for text in targets:
        kind, _colon, id_ = text.partition(":")
        if kind in _KINDS and (parsed := _uuid(id_)) is not None:
            by_kind.setdefault(kind, set()).add(parsed)
    found: dict[str, Target] = {}
    for kind, ids in by_kind.items():
        names, page = _KINDS[kind]
        for known, (name, key) in names(ids).items():
            found[f"{kind}:{known}"] = Target(name, _address(page, key))
    return found


def _people(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {u.pk: (u.name or u.email, str(u.pk)) for u in User.objects.filter(pk__in=ids)}


def _departments(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {d.pk: (d.name, d.slug) for d in Department.objects.filter(pk__in=ids)}


def _documents(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {d.pk: (d.filename, str(d.pk)) for d in Document.objects.filter(pk__in=ids)}


def _bases(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {b.pk: (b.name, str(b.pk)) for b in KnowledgeBase.objects.filter(pk__in=ids)}


def _assistants(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {a.pk: (a.name, a.slug) for a in Assistant.objects.filter(pk__in=ids)}


def _conversations(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    untitled = _("a conversation")
    return {c.pk: (c.title or untitled, str(c.pk)) for c in Conversation.objects.filter(pk__in=ids)}


def _keys(ids: set[UUID]) -> Mapping[UUID, tuple[str, str]]:
    return {k.pk: (k.name, "") for k in ApiKey.objects.filter(pk__in=ids)}


_KINDS: Mapping[str, tuple[_Names, str]] = {
    "user": (_people, "person"),
    "department": (_departments, "department"),
    "document": (_documents, "document"),
    "knowledge_base": (_bases, "base"),
    "conversation": (_conversations, "conversation"),
    "assistant": (_assistants, "assistant"),
    "api_key": (_keys, ""),
}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _address(page: str, key: str) -> str:
    if not page or not key:
        return ""
    try:
        return reverse(f"console:{page}", args=[key])
    except NoReverseMatch:
        return ""

"""Two versions of an assistant beside each other, for people."""

from dataclasses import dataclass
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.content import KNOWLEDGE, Difference, bases_of, differences
from controlplane.assistants.models import AssistantVersion
from controlplane.assistants.selectors import shown_bases

FIELD_NAMES: dict[str, Promise] = {
    "name": _("Name"),
    "instructions": _("Instructions"),
    "route": _("Model"),
    "top_k": _("Passages"),
    "greeting": _("Greeting"),
    "opening_questions": _("Opening questions"),
    KNOWLEDGE: _("Knowledge bases"),
}


@dataclass(frozen=True, slots=True)
class Changed:
    """A field that differs, under its name. Of the bases: which were added and removed, and how many of them are not shown."""

    label: str | Promise
    difference: Difference
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    hidden: int = 0

    @property
    def is_knowledge(self) -> bool:
        return self.difference.field == KNOWLEDGE


@dataclass(frozen=True, slots=True)
class Comparison:
    before: AssistantVersion
    after: AssistantVersion
    changes: tuple[Changed, ...]


def compared(*, tenant_id: UUID, before: AssistantVersion, after: AssistantVersion) -> Comparison:
    """What differs, field by field."""
    found = differences(before=before.content, after=after.content)
    changes = [
        _of_knowledge(tenant_id, one, before, after)
        if one.field == KNOWLEDGE
        else Changed(FIELD_NAMES[one.field], one)
        for one in found
    ]
    return Comparison(before, after, tuple(changes))


def _of_knowledge(
    tenant_id: UUID, difference: Difference, before: AssistantVersion, after: AssistantVersion
) -> Changed:
    old, new = bases_of(before.content), bases_of(after.content)
    changed = [id_ for id_ in (*old, *new) if (id_ in old) != (id_ in new)]
    shown = shown_bases(tenant_id=tenant_id, ids=changed)
    return Changed(
        FIELD_NAMES[KNOWLEDGE],
        difference,
        added=tuple(shown[id_].name for id_ in changed if id_ in shown and id_ in new),
        removed=tuple(shown[id_].name for id_ in changed if id_ in shown and id_ in old),
        hidden=sum(id_ not in shown for id_ in changed),
    )

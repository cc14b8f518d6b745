"""Writing assistants. Every change of what one is made of leaves a version; who may use it is apart from that."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.content import FIELDS, KNOWLEDGE, AssistantContent, bases_of, changed_fields
from controlplane.assistants.models import Assistant, AssistantKnowledge, AssistantVersion
from controlplane.assistants.selectors import linked_base_ids, shown_bases, version_get, version_list
from controlplane.audit.services import record
from controlplane.core.problems import Conflict, InvalidInput
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.actors import actors_of
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Department

__all__ = [
    "AssistantContent",
    "assistant_change",
    "assistant_create",
    "assistant_delete",
    "assistant_enable",
    "assistant_restore",
]


@transaction.atomic
def assistant_create(
    *,
    principal: Principal,
    slug: str,
    department: Department,
    content: AssistantContent,
    knowledge_bases: Sequence[UUID],
) -> Assistant:
    """Raises Forbidden, Conflict for a slug that is taken, InvalidInput for a base that the principal cannot read."""
    principal.require_write(department.pk)
    assistant = Assistant(tenant_id=principal.tenant, slug=slug, department=department)
    try:
        with transaction.atomic():
            _fill(assistant, content)
    except IntegrityError as error:  # also by an assistant of a department that the principal does not see
        raise Conflict(
            code="slug_taken",
            field="slug",
            detail=_("There is already an assistant “%s”.") % slug,
            remedy=_("Choose another one."),
        ) from error
    _set_knowledge(assistant, knowledge_bases)
    _keep(principal.actor, assistant)
    _record(principal, assistant, "assistant.created", knowledge_bases)
    return assistant


@transaction.atomic
def assistant_change(
    *,
    principal: Principal,
    assistant: Assistant,
    content: AssistantContent,
    knowledge_bases: Sequence[UUID],
    based_on: int | None = None,
    note: str = "",
) -> Assistant:
    """A new version; what changes nothing leaves none.

    `based_on` is the number of the version that the author had before them: Conflict when there is a newer one that says
    something else. None overwrites whatever is there.
    """
    principal.require_write(assistant.department_id)
    held = _held(assistant)
    before = _content_of(held)
    _set_knowledge(held, knowledge_bases)
    _fill(held, content)
    after = _content_of(held)
    changed = changed_fields(before=before, after=after)
    if not changed:  # sent again, perhaps
        return held
    _check_base(held, based_on, before)
    _next_version(principal.actor, held, note=note)
    _record(principal, held, "assistant.changed", knowledge_bases, fields=changed, version=held.version)
    return held


@transaction.atomic
def assistant_restore(
    *, principal: Principal, assistant: Assistant, number: int, based_on: int | None = None
) -> Assistant:
    """What it was in that version, as its newest one. Bases that were deleted since stay away; those that the principal
    cannot see stay as they are now."""
    principal.require_write(assistant.department_id)
    held = _held(assistant)
    before = _content_of(held)
    old = version_get(assistant=held, number=number).content
    bases = list(shown_bases(tenant_id=held.tenant_id, ids=bases_of(old)))
    _set_knowledge(held, bases)
    _fill(held, AssistantContent(**{name: old[name] for name in FIELDS}))
    changed = changed_fields(before=before, after=_content_of(held))
    if not changed:
        return held
    _check_base(held, based_on, before)
    _next_version(principal.actor, held, restored_from=number)
    _record(
        principal,
        held,
        "assistant.restored",
        bases,
        fields=changed,
        version=held.version,
        restored_from=number,
    )
    return held


@transaction.atomic
def assistant_enable(*, principal: Principal, assistant: Assistant, enabled: bool) -> Assistant:
    """Switch it on or off, for everybody who may ask it."""
    principal.require_write(assistant.department_id)
    held = _held(assistant)
    if held.enabled != enabled:
        held.enabled = enabled
        held.save(update_fields=["enabled", "updated_at"])
        action = "assistant.enabled" if enabled else "assistant.disabled"
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action=action,
            target=f"assistant:{held.pk}",
            slug=held.slug,
        )
    return held


@transaction.atomic
def assistant_delete(*, principal: Principal, assistant: Assistant) -> None:
    """With its versions and grants. Its conversations stay, without an assistant."""
    principal.require_write(assistant.department_id)
    _record(principal, assistant, "assistant.deleted", [])
    Assistant.objects.filter(tenant_id=assistant.tenant_id, pk=assistant.pk).delete()


def _held(assistant: Assistant) -> Assistant:
    """The assistant as it is now, until the transaction ends: of two changes at once the second sees the first."""
    return (
        Assistant.objects.select_for_update(of=("self",))
        .select_related("department")
        .get(tenant_id=assistant.tenant_id, pk=assistant.pk)
    )


def _check_base(held: Assistant, based_on: int | None, newest: Mapping[str, Any]) -> None:
    if based_on is None or based_on == held.version:
        return
    base = version_list(assistant=held).filter(number=based_on).first()
    last = version_list(assistant=held).order_by("-number").first()
    who = actors_of(tenant_id=held.tenant_id, actors=[last.actor])[last.actor].name if last else ""
    raise Conflict(
        code="version_conflict",
        field="version",
        detail=_("The assistant was changed meanwhile: version %(now)s is newer than version %(base)s.")
        % {"now": held.version, "base": based_on},
        remedy=_("Look at what changed, and save again on top of it."),
        current=held.version,
        changed_by=who,
        changed_fields=changed_fields(before=base.content, after=newest) if base else [],
    )


def _content_of(assistant: Assistant) -> dict[str, Any]:
    content: dict[str, Any] = {name: getattr(assistant, name) for name in FIELDS}
    return content | {KNOWLEDGE: [str(id_) for id_ in linked_base_ids(assistant=assistant)]}


def _next_version(
    actor: str, assistant: Assistant, *, note: str = "", restored_from: int | None = None
) -> None:
    assistant.version += 1
    assistant.save(update_fields=["version", "updated_at"])
    _keep(actor, assistant, note=note, restored_from=restored_from)


def _keep(actor: str, assistant: Assistant, *, note: str = "", restored_from: int | None = None) -> None:
    AssistantVersion.objects.create(
        tenant_id=assistant.tenant_id,
        assistant=assistant,
        number=assistant.version,
        content=_content_of(assistant),
        actor=actor,
        note=note,
        restored_from=restored_from,
    )


def _fill(assistant: Assistant, content: AssistantContent) -> None:
    assistant.name = content.name
    assistant.instructions = content.instructions
    assistant.route = content.route
    assistant.top_k = content.top_k
    assistant.greeting = content.greeting
    assistant.opening_questions = list(content.opening_questions)
    assistant.save()


def _set_knowledge(assistant: Assistant, ids: Sequence[UUID]) -> None:
    """The bases among those that the scope shows; links to others stay, for whoever sees them."""
    visible = KnowledgeBase.objects.filter(tenant_id=assistant.tenant_id, owner="")
    readable = set(visible.filter(pk__in=ids).values_list("pk", flat=True))
    if missing := [id_ for id_ in ids if id_ not in readable]:
        raise InvalidInput(
            code="unknown_knowledge_base",
            field="knowledge_bases",
            detail=_("There is no knowledge base “%s”.") % missing[0],
            remedy=_("Check the identifier; it may belong to another department."),
        )
    own = AssistantKnowledge.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)
    own.filter(knowledge_base__in=visible).exclude(knowledge_base_id__in=ids).delete()
    AssistantKnowledge.objects.bulk_create(
        [
            AssistantKnowledge(tenant_id=assistant.tenant_id, assistant=assistant, knowledge_base_id=id_)
            for id_ in dict.fromkeys(ids)
        ],
        ignore_conflicts=True,
    )


def _record(
    principal: Principal, assistant: Assistant, action: str, knowledge_bases: Sequence[UUID], **data: Any
) -> None:
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action=action,
        target=f"assistant:{assistant.pk}",
        slug=assistant.slug,
        route=assistant.route,
        knowledge_bases=[str(id_) for id_ in knowledge_bases],
        **data,
    )

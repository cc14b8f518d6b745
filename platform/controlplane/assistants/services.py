"""Writing assistants."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant, AssistantKnowledge
from controlplane.audit.services import record
from controlplane.core.problems import Conflict, InvalidInput
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Department


@dataclass(frozen=True, slots=True)
class AssistantContent:
    """What an assistant is made of, besides its slug and department."""

    name: str
    instructions: str = ""
    route: str = "chat"
    top_k: int = 6
    greeting: str = ""
    opening_questions: Sequence[str] = field(default_factory=tuple)


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
    _record(principal, assistant, "assistant.created", knowledge_bases)
    return assistant


@transaction.atomic
def assistant_change(
    *, principal: Principal, assistant: Assistant, content: AssistantContent, knowledge_bases: Sequence[UUID]
) -> Assistant:
    principal.require_write(assistant.department_id)
    _fill(assistant, content)
    _set_knowledge(assistant, knowledge_bases)
    _record(principal, assistant, "assistant.changed", knowledge_bases)
    return assistant


@transaction.atomic
def assistant_delete(*, principal: Principal, assistant: Assistant) -> None:
    """Its conversations stay, without an assistant."""
    principal.require_write(assistant.department_id)
    _record(principal, assistant, "assistant.deleted", [])
    Assistant.objects.filter(tenant_id=assistant.tenant_id, pk=assistant.pk).delete()


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


def _record(principal: Principal, assistant: Assistant, action: str, knowledge_bases: Sequence[UUID]) -> None:
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action=action,
        target=f"assistant:{assistant.pk}",
        slug=assistant.slug,
        route=assistant.route,
        knowledge_bases=[str(id_) for id_ in knowledge_bases],
    )

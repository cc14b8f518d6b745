"""Reading assistants."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant, AssistantKnowledge
from controlplane.core.problems import not_found
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal


def assistant_list(*, principal: Principal) -> QuerySet[Assistant]:
    """Those of the departments that the principal reads."""
    return Assistant.objects.filter(
        tenant_id=principal.tenant, department_id__in=principal.read_departments
    ).select_related("department")


def assistant_get(*, principal: Principal, slug: str) -> Assistant:
    """Raises NotFound, also for an assistant of a department that the principal does not read."""
    assistant = assistant_list(principal=principal).filter(slug=slug).first()
    if assistant is None:
        raise not_found(kind=_("assistant"), id=slug)
    return assistant


def assistant_of_base(*, principal: Principal, base_id: UUID) -> Assistant | None:
    """The first one that answers from the base, of those that the principal sees."""
    answering = AssistantKnowledge.objects.filter(tenant_id=principal.tenant, knowledge_base_id=base_id)
    return (
        assistant_list(principal=principal)
        .filter(pk__in=answering.values("assistant_id"))
        .order_by("created_at")
        .first()
    )


def knowledge_base_ids(*, assistant: Assistant) -> list[UUID]:
    """The bases it answers from, as far as the scope shows them."""
    return list(
        AssistantKnowledge.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)
        .filter(knowledge_base__in=KnowledgeBase.objects.all())
        .order_by("created_at")
        .values_list("knowledge_base_id", flat=True)
    )

"""Reading assistants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.assistants.models import Assistant, AssistantAccess, AssistantKnowledge, AssistantVersion
from controlplane.core.problems import Conflict, not_found
from controlplane.documents.models import KnowledgeBase
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import department_get


def _visible(principal: Principal) -> QuerySet[Assistant]:
    """Those of the departments that the principal reads, and those opened to the principal besides."""
    to_me = Q(department_id__in=principal.belongs)
    if principal.user_id is not None:
        to_me |= Q(user_id=principal.user_id)
    granted = AssistantAccess.objects.filter(to_me, tenant_id=principal.tenant, assistant=OuterRef("pk"))
    return Assistant.objects.filter(
        Q(department_id__in=principal.read_departments) | Exists(granted), tenant_id=principal.tenant
    ).select_related("department")


def assistant_list(*, principal: Principal) -> QuerySet[Assistant]:
    """Those that the principal may ask; to who looks after their department also those that are switched off."""
    return _visible(principal).filter(Q(enabled=True) | _looked_after(principal))


def _looked_after(principal: Principal) -> Q:
    return Q(department_id__in=principal.write_departments | principal.review_departments)


def usable_assistant_list(*, principal: Principal) -> QuerySet[Assistant]:
    """Those that would answer."""
    return _visible(principal).filter(enabled=True)


def managed_assistant_list(*, principal: Principal) -> QuerySet[Assistant]:
    """Those of the departments that the principal looks after."""
    return Assistant.objects.filter(
        tenant_id=principal.tenant, department_id__in=principal.write_departments
    ).select_related("department")


def assistant_get(*, principal: Principal, slug: str) -> Assistant:
    """Of `assistant_list`. Raises NotFound, also for an assistant that the principal may not ask."""
    return _of_slug(assistant_list(principal=principal), slug)


def _of_slug(assistants: QuerySet[Assistant], slug: str) -> Assistant:
    assistant = assistants.filter(slug=slug).first()
    if assistant is None:
        raise not_found(kind=_("assistant"), id=slug)
    return assistant


def branded_department(*, principal: Principal, key: str) -> Department:
    """One whose name and logo the principal is shown: that they read, or that has an assistant which they may ask.

    Raises NotFound.
    """
    department = department_get(tenant_id=principal.tenant, key=key)
    if department.pk in principal.read_departments:
        return department
    if not usable_assistant_list(principal=principal).filter(department=department).exists():
        raise not_found(kind=_("department"), id=key)
    return department


def assistant_of_base(*, principal: Principal, base_id: UUID) -> Assistant | None:
    """The first one that answers from the base, of those that the principal sees."""
    answering = AssistantKnowledge.objects.filter(tenant_id=principal.tenant, knowledge_base_id=base_id)
    return (
        assistant_list(principal=principal)
        .filter(pk__in=answering.values("assistant_id"))
        .order_by("created_at")
        .first()
    )


def assistant_to_ask(*, principal: Principal, slug: str) -> Assistant:
    """Raises NotFound, and Conflict for one that is switched off."""
    assistant = _of_slug(_visible(principal), slug)
    if not assistant.enabled:
        raise Conflict(
            code="assistant_disabled",
            field="model",
            detail=_("The assistant “%s” is switched off.") % assistant.name,
            remedy=_("Choose another one, or ask the knowledge managers of its department."),
        )
    return assistant


def managed_assistant_get(*, principal: Principal, slug: str) -> Assistant:
    """Raises NotFound, and Forbidden for one that the principal may only ask."""
    assistant = assistant_get(principal=principal, slug=slug)
    principal.require_write(assistant.department_id)
    return assistant


def linked_base_ids(*, assistant: Assistant) -> list[UUID]:
    """All the bases it answers from, also those that the scope does not show."""
    return list(
        AssistantKnowledge.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)
        .order_by("created_at", "id")
        .values_list("knowledge_base_id", flat=True)
    )


def knowledge_base_ids(*, assistant: Assistant) -> list[UUID]:
    """The bases it answers from, as far as the scope shows them."""
    return list(
        AssistantKnowledge.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)
        .filter(knowledge_base__in=KnowledgeBase.objects.all())
        .order_by("created_at", "id")
        .values_list("knowledge_base_id", flat=True)
    )


@dataclass(frozen=True, slots=True)
class LinkedKnowledge:
    """The bases that the reader may see, and how many more there are."""

    visible: tuple[KnowledgeBase, ...] = ()
    hidden: int = 0


def knowledge_of(*, tenant_id: UUID, assistants: Iterable[Assistant]) -> Mapping[UUID, LinkedKnowledge]:
    """By assistant, in two queries."""
    links = list(
        AssistantKnowledge.objects.filter(
            tenant_id=tenant_id, assistant__in=[assistant.pk for assistant in assistants]
        )
        .order_by("created_at", "id")
        .values_list("assistant_id", "knowledge_base_id")
    )
    visible = shown_bases(tenant_id=tenant_id, ids=[base for _assistant, base in links])
    found: dict[UUID, LinkedKnowledge] = {}
    for assistant_id, base_id in links:
        known = found.get(assistant_id, LinkedKnowledge())
        base = visible.get(base_id)
        found[assistant_id] = LinkedKnowledge(
            (*known.visible, base) if base else known.visible, known.hidden + (base is None)
        )
    return found


def shown_bases(*, tenant_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, KnowledgeBase]:
    """`{id: base}` of those that the scope shows."""
    return {
        base.pk: base
        for base in KnowledgeBase.objects.filter(tenant_id=tenant_id, pk__in=ids, owner="").select_related(
            "department"
        )
    }


def choosable_bases(*, tenant_id: UUID) -> QuerySet[KnowledgeBase]:
    """What an assistant may be given: all that the scope shows."""
    return (
        KnowledgeBase.objects.filter(tenant_id=tenant_id, owner="")
        .select_related("department")
        .order_by("name")
    )


def version_list(*, assistant: Assistant) -> QuerySet[AssistantVersion]:
    return AssistantVersion.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)


def version_get(*, assistant: Assistant, number: int) -> AssistantVersion:
    """Raises NotFound."""
    version = version_list(assistant=assistant).filter(number=number).first()
    if version is None:
        raise not_found(kind=_("version"), id=number)
    return version


def access_list(*, assistant: Assistant) -> QuerySet[AssistantAccess]:
    """Who may ask it besides its own department."""
    return (
        AssistantAccess.objects.filter(tenant_id=assistant.tenant_id, assistant=assistant)
        .select_related("department", "user")
        .order_by("created_at", "id")
    )

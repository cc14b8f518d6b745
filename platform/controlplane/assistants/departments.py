"""What the departments of a tenant hold, in numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count

from controlplane.assistants.models import Assistant
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import KnowledgeBase
from controlplane.tenants.models import Membership


@dataclass(frozen=True, slots=True)
class DepartmentCounts:
    members: int = 0
    bases: int = 0
    assistants: int = 0


def department_counts(*, tenant_id: UUID) -> Mapping[UUID, DepartmentCounts]:
    """Of each department itself, without those beneath it; numbers only, whoever asks. Three queries.

    Without what people attached to conversations of their own.
    """
    with tenant_scope(tenant_id):
        members, bases, assistants = (
            dict(rows.order_by().values_list("department_id").annotate(Count("pk")))
            for rows in (
                Membership.objects.filter(tenant_id=tenant_id),
                KnowledgeBase.objects.filter(tenant_id=tenant_id, owner=""),
                Assistant.objects.filter(tenant_id=tenant_id),
            )
        )
    return {
        id_: DepartmentCounts(members.get(id_, 0), bases.get(id_, 0), assistants.get(id_, 0))
        for id_ in {*members, *bases, *assistants}
    }

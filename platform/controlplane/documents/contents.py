"""What is in knowledge bases, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Max, Q

from controlplane.documents.models import Document, DocumentStatus, KnowledgeBase, Version
from controlplane.documents.selectors import UNDER_WAY


@dataclass(frozen=True, slots=True)
class BaseContent:
    """What the caller may read of a base: its documents by the status of their latest version, and the last change."""

    documents: int = 0
    changed_at: datetime | None = None
    others: Mapping[str, int] = field(default_factory=dict)  # by status, all but READY

    @property
    def failed(self) -> int:
        return self.others.get(DocumentStatus.FAILED, 0)

    @property
    def cancelled(self) -> int:
        return self.others.get(DocumentStatus.CANCELLED, 0)

    @property
    def indexing(self) -> int:
        return sum(self.others.get(status, 0) for status in UNDER_WAY)

    @property
    def ready(self) -> int:
        return max(0, self.documents - sum(self.others.values()))


def base_contents(*, tenant_id: UUID, bases: Sequence[KnowledgeBase]) -> Mapping[UUID, BaseContent]:
    """Of each base, in two queries. Nearly all documents are ready: only the others are looked at one by one."""
    documents = Document.objects.filter(tenant_id=tenant_id, knowledge_base__in=bases).order_by()
    totals = documents.values("knowledge_base").annotate(count=Count("pk"), changed=Max("updated_at"))
    others: dict[UUID, dict[str, int]] = {base.pk: {} for base in bases}
    unready = (
        Version.objects.filter(~Q(status=DocumentStatus.READY), tenant_id=tenant_id)
        .filter(number=F("document__latest_number"), document__knowledge_base__in=bases)
        .values_list("document__knowledge_base", "status")
        .annotate(count=Count("pk"))
        .order_by()
    )
    for base_id, status, count in unready:
        others[base_id][status] = count
    found = {
        row["knowledge_base"]: BaseContent(row["count"], row["changed"], others[row["knowledge_base"]])
        for row in totals
    }
    return {base.pk: found.get(base.pk, BaseContent()) for base in bases}

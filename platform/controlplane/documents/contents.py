"""What is in knowledge bases, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, Subquery

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
    """Of each base, in three queries. Nearly all documents are ready: only the others are looked at one by one."""
    documents = Document.objects.filter(tenant_id=tenant_id, knowledge_base__in=bases).order_by()
    totals = documents.values_list("knowledge_base").annotate(count=Count("*"))
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
    changes = _last_changes(tenant_id, bases)
    counts = dict(totals)
    return {base.pk: BaseContent(counts.get(base.pk, 0), changes[base.pk], others[base.pk]) for base in bases}


def _last_changes(tenant_id: UUID, bases: Sequence[KnowledgeBase]) -> dict[UUID, datetime | None]:
    own = Document.objects.filter(tenant_id=tenant_id, knowledge_base=OuterRef("pk")).order_by("-updated_at")
    changed = KnowledgeBase.objects.filter(tenant_id=tenant_id, pk__in=[base.pk for base in bases])
    return dict(changed.annotate(changed=Subquery(own.values("updated_at")[:1])).values_list("pk", "changed"))

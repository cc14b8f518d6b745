"""Changing the embedding model of a knowledge base: its documents are embedded again beside the index in use."""

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict
from controlplane.core.scope import tenant_scope
from controlplane.documents.embedding import served_space
from controlplane.documents.models import (
    EmbeddingSpace,
    IndexJob,
    KnowledgeBase,
    Version,
)
from controlplane.documents.services.publishing import OPEN_STATUSES, reindex_job_add, switch_if_complete
from controlplane.identity.principal import Principal


@transaction.atomic
def knowledge_base_reindex(*, principal: Principal, base: KnowledgeBase) -> int:
    """Begin (or go on with) moving the base to the model that is served now. The number of jobs added.

    Questions are answered from the present index until the new one is complete; then it takes over at once.
    Raises Forbidden, Unavailable, Conflict when the base is on that model already.
    """
    principal.require_write(base.department_id)
    space = served_space(tenant_id=principal.tenant)
    with tenant_scope(principal.tenant):
        locked = KnowledgeBase.objects.select_for_update(no_key=True).get(pk=base.pk)
        if locked.space_id == space.pk and locked.next_space_id is None:
            raise Conflict(
                code="index_current",
                detail=_("The knowledge base is indexed with the present model “%(model)s” already.")
                % {"model": space.model},
            )
        added = _begin(locked, space)
        switch_if_complete(base=locked)
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="knowledge_base.reindex_started",
        target=f"knowledge_base:{base.pk}",
        model=space.model,
        version=space.version,
        documents=added,
    )
    return added


def _begin(base: KnowledgeBase, space: EmbeddingSpace) -> int:
    base.next_space = space
    base.save(update_fields=["next_space"])
    live = Version.objects.filter(document__knowledge_base=base, pk=F("document__live_version"))
    covered = IndexJob.objects.filter(space=space, status__in=OPEN_STATUSES)
    versions = list(live.exclude(pk__in=covered.values("version")))
    for version in versions:
        reindex_job_add(version=version, space_id=space.pk)
    return len(versions)

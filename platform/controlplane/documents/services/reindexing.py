"""Changing the embedding model of a knowledge base: its documents are embedded again beside the index in use."""

from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict
from controlplane.core.scope import tenant_scope
from controlplane.documents.embedding import served_space
from controlplane.documents.models import (
    EmbeddingSpace,
    IndexJob,
    JobKind,
    JobStatus,
    KnowledgeBase,
    Version,
)
from controlplane.documents.services.outcomes import cancel_locked
from controlplane.documents.services.publishing import (
    OPEN_STATUSES,
    reindex_job_add,
    switch_if_complete,
    versions_missing,
)
from controlplane.documents.services.traces import spaces_remove
from controlplane.identity.principal import Principal


@transaction.atomic
def knowledge_base_reindex(*, principal: Principal, base: KnowledgeBase) -> int:
    """Begin (or go on with) moving the base to the model that is served now. The number of jobs added.

    Questions are answered from the present index until the new one is complete; then it takes over at once. A re-index
    that is under way to another model is given up when the model of the present index is served again.
    Raises Forbidden, Unavailable, Conflict when the base is on that model already.
    """
    principal.require_write(base.department_id)
    space = served_space(tenant_id=principal.tenant)
    with tenant_scope(principal.tenant):
        # Jobs before the base, as everywhere; only if this may give them up, for their workers' heartbeats wait.
        stays = base.space_id == space.pk
        under_way = list(_reindexing(base).select_for_update(of=("self",))) if stays else []
        locked = KnowledgeBase.objects.select_for_update(no_key=True).get(pk=base.pk)
        if locked.space_id == space.pk:
            added = _stay(locked, under_way, principal.actor)
        else:
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
    covered = IndexJob.objects.filter(space=space, status__in=OPEN_STATUSES)
    versions = list(_live(base).exclude(pk__in=covered.values("version")))
    for version in versions:
        reindex_job_add(version=version, space_id=space.pk)
    return len(versions)


def _reindexing(base: KnowledgeBase) -> QuerySet[IndexJob]:
    jobs = IndexJob.objects.filter(kind=JobKind.REINDEX, status__in=OPEN_STATUSES)
    return jobs.filter(version__document__knowledge_base=base).order_by("pk")


def _stay(base: KnowledgeBase, under_way: list[IndexJob], actor: str) -> int:
    """Complete the present space with versions that went live in the other one only, and give that one up."""
    given_up, base.next_space = base.next_space_id, None
    base.save(update_fields=["next_space"])
    _cancel([job for job in under_way if job.space_id != base.space_id], actor)
    covered = _reindexing(base).filter(space=base.space_id).values("version")
    candidates = _live(base).exclude(pk__in=covered)
    versions = list(versions_missing(base=base, space_id=base.space_id, among=candidates))
    if given_up is None and not versions:
        raise Conflict(
            code="index_current",
            detail=_("The knowledge base is indexed with the present model “%(model)s” already.")
            % {"model": base.space.model},
        )
    for version in versions:
        reindex_job_add(version=version, space_id=base.space_id)
    return len(versions)


def _cancel(jobs: list[IndexJob], actor: str) -> None:
    """A job that appeared since these were locked ends by itself: no base wants its space any more."""
    for job in jobs:
        if job.status == JobStatus.QUEUED:
            cancel_locked(job=job, actor=actor)
        else:
            IndexJob.objects.filter(pk=job.pk).update(cancel_requested=True)


def _live(base: KnowledgeBase) -> QuerySet[Version]:
    return Version.objects.filter(document__knowledge_base=base, pk=F("document__live_version"))


def strays_remove(*, tenant_id: UUID) -> int:
    """Vectors in spaces that their base neither answers from nor moves to: what a worker wrote that had not yet heard of
    the change. Their number."""
    removed = 0
    with tenant_scope(tenant_id):
        spaces = set(EmbeddingSpace.objects.filter(tenant_id=tenant_id).values_list("pk", flat=True))
        if len(spaces) < 2:
            return 0
        bases = KnowledgeBase.objects.filter(tenant_id=tenant_id).order_by("pk")
        for base in bases.select_for_update(no_key=True, of=("self",), skip_locked=True):
            unwanted = spaces - {base.space_id, base.next_space_id}
            versions = Version.objects.filter(document__knowledge_base=base).values_list("pk", flat=True)
            removed += spaces_remove(tenant_id=tenant_id, version_ids=versions, space_ids=unwanted)
    return removed

"""Reading knowledge bases, documents, their versions and jobs.

Whatever the caller may not see is not in these querysets at all: row-level security has taken it out.
"""

from uuid import UUID

from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.documents.models import Document, IndexJob, KnowledgeBase, Passage, Version

PAGE_PASSAGES = 1000
NEIGHBOURS = 2


def knowledge_base_list(*, tenant_id: UUID) -> QuerySet[KnowledgeBase]:
    """With `documents_count`: the documents that the caller may read."""
    documents = Document.objects.filter(tenant_id=tenant_id, knowledge_base=OuterRef("pk")).order_by()
    count = documents.values("knowledge_base").annotate(n=Count("pk")).values("n")
    return (
        KnowledgeBase.objects.filter(tenant_id=tenant_id)
        .select_related("department", "space", "next_space")
        .annotate(documents_count=Coalesce(Subquery(count), 0))
    )


def knowledge_base_get(*, tenant_id: UUID, base_id: UUID) -> KnowledgeBase:
    base = knowledge_base_list(tenant_id=tenant_id).filter(pk=base_id).first()
    if base is None:
        raise not_found(kind=_("knowledge base"), id=base_id)
    return base


def _with_jobs(versions: QuerySet[Version]) -> QuerySet[Version]:
    jobs = IndexJob.objects.order_by("-id")
    return versions.select_related("blob").prefetch_related(
        Prefetch("jobs", queryset=jobs, to_attr="newest_jobs")
    )


def document_list(*, tenant_id: UUID, base_id: UUID | None = None, status: str = "") -> QuerySet[Document]:
    """With the versions that matter in `shown_versions`: the latest and the live one, each with its jobs.

    `status` is that of the latest version.
    """
    shown = _with_jobs(
        Version.objects.filter(Q(number=F("document__latest_number")) | Q(pk=F("document__live_version")))
    ).order_by("-number")
    documents = Document.objects.filter(tenant_id=tenant_id).prefetch_related(
        Prefetch("versions", queryset=shown, to_attr="shown_versions")
    )
    if base_id:
        documents = documents.filter(knowledge_base_id=base_id)
    if status:
        latest = Version.objects.filter(document=OuterRef("pk"), number=OuterRef("latest_number"))
        documents = documents.annotate(latest_status=Subquery(latest.values("status"))).filter(
            latest_status=status
        )
    return documents


def document_get(*, tenant_id: UUID, document_id: UUID) -> Document:
    """With all its versions, newest first, in `shown_versions`."""
    versions = _with_jobs(Version.objects.order_by("-number"))
    document = (
        Document.objects.filter(tenant_id=tenant_id, pk=document_id)
        .select_related("knowledge_base")
        .prefetch_related(Prefetch("versions", queryset=versions, to_attr="shown_versions"))
        .first()
    )
    if document is None:
        raise not_found(kind=_("document"), id=document_id)
    return document


def source_version(*, document: Document) -> Version:
    """The version whose content stands for the document: the one that answers, else the latest."""
    which = Q(pk=document.live_version) if document.live_version else Q(number=document.latest_number)
    return Version.objects.select_related("blob").get(which, document=document)


def page_count(*, version: Version) -> int:
    """Formats without pages have one."""
    return version.pages or 1


def page_passages(*, version: Version, page: int) -> list[Passage]:
    """The passages that stand on the page, wholly or in part, in reading order."""
    passages = Passage.objects.filter(tenant_id=version.tenant_id, version=version)
    if version.pages:
        passages = passages.filter(page__lte=page, page_end__gte=page)
    return list(passages.order_by("ordinal")[:PAGE_PASSAGES])


def passage_get(*, document: Document, passage_id: int) -> Passage:
    """Raises NotFound: also for a passage of a version that was replaced since."""
    passages = Passage.objects.filter(tenant_id=document.tenant_id, document=document)
    found = passages.select_related("version").filter(pk=passage_id).first()
    if found is None:
        raise not_found(kind=_("passage"), id=passage_id)
    return found


def passages_around(*, passage: Passage) -> list[Passage]:
    """The passage between those that stand before and after it, in reading order."""
    near = (passage.ordinal - NEIGHBOURS, passage.ordinal + NEIGHBOURS)
    passages = Passage.objects.filter(tenant_id=passage.tenant_id, version_id=passage.version_id)
    return list(passages.filter(ordinal__range=near).order_by("ordinal"))


def job_list(
    *, tenant_id: UUID, status: str = "", document_id: UUID | None = None, base_id: UUID | None = None
) -> QuerySet[IndexJob]:
    jobs = IndexJob.objects.filter(tenant_id=tenant_id).select_related("version__document", "space")
    if status:
        jobs = jobs.filter(status=status)
    if document_id:
        jobs = jobs.filter(version__document_id=document_id)
    if base_id:
        jobs = jobs.filter(version__document__knowledge_base_id=base_id)
    return jobs


def job_get(*, tenant_id: UUID, job_id: UUID) -> IndexJob:
    job = job_list(tenant_id=tenant_id).filter(pk=job_id).first()
    if job is None:
        raise not_found(kind=_("job"), id=job_id)
    return job

"""Reading knowledge bases, documents, their versions and jobs.

Whatever the caller may not see is not in these querysets at all: row-level security has taken it out.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, Max, Min, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import NotFound, not_found
from controlplane.documents.file_names import with_name_like
from controlplane.documents.models import (
    Document,
    DocumentStatus,
    IndexJob,
    JobStatus,
    KnowledgeBase,
    Passage,
    Version,
)

UNDER_WAY = (DocumentStatus.QUEUED, DocumentStatus.PARSING, DocumentStatus.EMBEDDING)
OPEN_JOBS = "open"
PAGE_PASSAGES = 1000
NEIGHBOURS = 2
_DRAWN = "pdf"


def knowledge_base_list(*, tenant_id: UUID) -> QuerySet[KnowledgeBase]:
    """The departments'. Files of conversations are in none of them."""
    return KnowledgeBase.objects.filter(tenant_id=tenant_id, owner="").select_related(
        "department", "space", "next_space"
    )


def knowledge_base_get(*, tenant_id: UUID, base_id: UUID) -> KnowledgeBase:
    base = knowledge_base_list(tenant_id=tenant_id).filter(pk=base_id).first()
    if base is None:
        raise not_found(kind=_("knowledge base"), id=base_id)
    return base


def conversation_base(*, tenant_id: UUID, conversation_id: UUID) -> KnowledgeBase | None:
    """What holds the files of the conversation, for the one who attached them. None where there are none."""
    return KnowledgeBase.objects.filter(tenant_id=tenant_id, conversation=conversation_id).first()


@dataclass(frozen=True, slots=True)
class AttachedFiles:
    """Of a conversation. `is_searchable`: some are ready; `pending`: the names of those that are not, and will be or fail."""

    base_id: UUID
    is_searchable: bool
    pending: tuple[str, ...]


def attached_files(*, tenant_id: UUID, conversation_id: UUID) -> AttachedFiles | None:
    """Two queries; None where no file was ever attached."""
    base = conversation_base(tenant_id=tenant_id, conversation_id=conversation_id)
    if base is None:
        return None
    latest = Version.objects.filter(document=OuterRef("pk"), number=OuterRef("latest_number"))
    documents = Document.objects.filter(tenant_id=tenant_id, knowledge_base=base).order_by("pk")
    rows = documents.annotate(status=Subquery(latest.values("status"))).values_list(
        "filename", "live_version", "status"
    )
    found = list(rows)
    return AttachedFiles(
        base_id=base.pk,
        is_searchable=any(live is not None for _name, live, _status in found),
        pending=tuple(name for name, _live, status in found if status in UNDER_WAY),
    )


def _with_jobs(versions: QuerySet[Version]) -> QuerySet[Version]:
    jobs = IndexJob.objects.order_by("-id")
    return versions.select_related("blob").prefetch_related(
        Prefetch("jobs", queryset=jobs, to_attr="newest_jobs")
    )


def document_list(
    *,
    tenant_id: UUID,
    base_id: UUID | None = None,
    statuses: Collection[str] = (),
    text: str = "",
    ids: Collection[UUID] | None = None,
) -> QuerySet[Document]:
    """With the versions that matter in `shown_versions`: the latest and the live one, each with its jobs.

    `statuses` are those of the latest version. `text`: see `file_names`. Files of
    conversations are left out, unless their base or they themselves are named.
    """
    shown = _with_jobs(
        Version.objects.filter(Q(number=F("document__latest_number")) | Q(pk=F("document__live_version")))
    ).order_by("-number")
    documents = Document.objects.filter(tenant_id=tenant_id)
    if base_id:
        documents = documents.filter(knowledge_base_id=base_id)
    if ids is not None:
        documents = documents.filter(pk__in=ids)
    if base_id is None and ids is None:
        documents = documents.filter(owner="")
    documents = with_name_like(documents=documents, text=text)
    if statuses:
        documents = _in_state(documents, tenant_id, statuses)
    return documents.prefetch_related(Prefetch("versions", queryset=shown, to_attr="shown_versions"))


def _in_state(
    documents: QuerySet[Document], tenant_id: UUID, statuses: Collection[str]
) -> QuerySet[Document]:
    if DocumentStatus.READY in statuses:  # nearly all: asked document by document, until the page is full
        latest = Version.objects.filter(document=OuterRef("pk"), number=OuterRef("latest_number"))
        return documents.annotate(latest_status=Subquery(latest.values("status"))).filter(
            latest_status__in=statuses
        )
    few = Version.objects.filter(
        ~Q(status=DocumentStatus.READY), tenant_id=tenant_id, status__in=statuses
    ).filter(number=F("document__latest_number"))
    return documents.filter(pk__in=few.values("document"))


def document_get(*, tenant_id: UUID, document_id: UUID) -> Document:
    """With all its versions, newest first, in `shown_versions`."""
    versions = _with_jobs(Version.objects.order_by("-number"))
    document = (
        Document.objects.filter(tenant_id=tenant_id, pk=document_id)
        .select_related("knowledge_base__department")
        .prefetch_related(Prefetch("versions", queryset=versions, to_attr="shown_versions"))
        .first()
    )
    if document is None:
        raise not_found(kind=_("document"), id=document_id)
    return document


def document_find(*, tenant_id: UUID, document_id: UUID) -> Document:
    """The document alone. Raises NotFound."""
    document = Document.objects.filter(tenant_id=tenant_id, pk=document_id).first()
    if document is None:
        raise not_found(kind=_("document"), id=document_id)
    return document


def source_version(*, document: Document) -> Version:
    """The version whose content stands for the document: the one that answers, else the latest."""
    which = Q(pk=document.live_version) if document.live_version else Q(number=document.latest_number)
    return Version.objects.select_related("blob").get(which, document=document)


def version_get(*, document: Document, number: int | None) -> Version:
    """The version of that number; without one, the version that stands for the document. Raises NotFound."""
    if number is None:
        return source_version(document=document)
    versions = Version.objects.select_related("blob").filter(document=document)
    found = versions.filter(number=number).first() if number < 2**31 else None
    if found is None:
        raise not_found(kind=_("version"), id=number)
    return found


@dataclass(frozen=True, slots=True)
class PageSource:
    """All that is needed to draw a page, without asking the database again."""

    tenant_id: UUID
    version_id: UUID
    filename: str
    path: str
    sha256: str
    number: int
    passage_id: int | None
    highlight: str


def page_source(
    *, tenant_id: UUID, document_id: UUID, number: int, version: int | None, passage_id: int | None
) -> PageSource:
    """Raises NotFound. A passage that the document does not have, or has no longer, is not highlighted."""
    document = document_find(tenant_id=tenant_id, document_id=document_id)
    shown = version_get(document=document, number=version)
    if shown.format != _DRAWN:
        raise page_not_rendered(reason="unsupported_format")
    # A file that was not read, for example because it holds pictures only, does not say how many pages it has.
    if number < 1 or (shown.pages is not None and number > shown.pages):
        raise page_not_found(pages=page_count(version=shown))
    highlight = _text_of(document, passage_id) if passage_id else ""
    return PageSource(
        tenant_id=tenant_id,
        version_id=shown.pk,
        filename=document.filename,
        path=shown.blob.path,
        sha256=shown.blob.sha256,
        number=number,
        passage_id=passage_id if highlight else None,
        highlight=highlight,
    )


def _text_of(document: Document, passage_id: int) -> str:
    passages = Passage.objects.filter(tenant_id=document.tenant_id, document=document, pk=passage_id)
    return passages.values_list("text", flat=True).first() or ""


def page_not_rendered(*, reason: str) -> NotFound:
    """`reason`: a code of `failures`."""
    return NotFound(
        code="page_not_rendered",
        detail=_("There is no picture of this page."),
        remedy=_("Read the page's passages, or download the file."),
        reason=reason,
    )


def page_not_found(*, pages: int) -> NotFound:
    return NotFound(
        code="page_not_found", detail=_("The document has %(pages)s pages.") % {"pages": pages}, pages=pages
    )


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


@dataclass(frozen=True, slots=True)
class PassagesPage:
    """Some passages of a version in reading order; `before` and `after` are where the neighbouring pages begin."""

    version: Version
    passages: list[Passage]
    before: int | None
    after: int | None


def passages_page(
    *,
    document: Document,
    version: int | None,
    limit: int,
    around: int | None = None,
    before: int | None = None,
    after: int | None = None,
) -> PassagesPage:
    """At most `limit` passages: round the one with the id `around`, those just before or just after an ordinal, or the first.

    Raises NotFound, with the code `passages_gone` for a version that was replaced since: its passages went then.
    """
    place = passage_get(document=document, passage_id=around) if around else None
    if place is not None and version is None:
        version = place.version.number
    shown = version_get(document=document, number=version)
    passages = Passage.objects.filter(tenant_id=shown.tenant_id, version=shown)
    if before is not None:
        rows = list(passages.filter(ordinal__lt=before).order_by("-ordinal")[:limit])[::-1]
    else:
        first = _first_ordinal(place, shown, after, limit)
        rows = list(passages.filter(ordinal__gte=first).order_by("ordinal")[:limit])
    edges = passages.aggregate(first=Min("ordinal"), last=Max("ordinal"))
    if edges["first"] is None and shown.chunks and shown.pk != document.live_version:
        raise _passages_gone(shown)
    return PassagesPage(
        version=shown,
        passages=rows,
        before=rows[0].ordinal if rows and rows[0].ordinal > edges["first"] else None,
        after=rows[-1].ordinal if rows and rows[-1].ordinal < edges["last"] else None,
    )


def _first_ordinal(place: Passage | None, shown: Version, after: int | None, limit: int) -> int:
    if place is not None and place.version_id == shown.pk:
        return max(0, place.ordinal - (limit - 1) // 2)
    return after + 1 if after is not None else 0


def _passages_gone(version: Version) -> NotFound:
    return NotFound(
        code="passages_gone",
        field="version",
        detail=_("The passages of version %(number)s were removed when it was replaced.")
        % {"number": version.number},
        remedy=_("Read the present version's passages, or open this version's file."),
    )


def job_list(
    *,
    tenant_id: UUID,
    status: str = "",
    document_id: UUID | None = None,
    base_id: UUID | None = None,
    ended_since: datetime | None = None,
) -> QuerySet[IndexJob]:
    """`status`: one of the job's own, or `open` for those that wait or run."""
    jobs = IndexJob.objects.filter(tenant_id=tenant_id).select_related("version__document", "space")
    if status == OPEN_JOBS:
        jobs = jobs.filter(status__in=[JobStatus.QUEUED, JobStatus.RUNNING])
    elif status:
        jobs = jobs.filter(status=status)
    if ended_since:
        jobs = jobs.filter(finished_at__gte=ended_since)
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

"""What a page says of a document, a version or a job."""

from collections.abc import Iterable
from dataclasses import dataclass

from controlplane.core.secrecy import Secrecy
from controlplane.documents.failures import Failure, failure
from controlplane.documents.job_serializers import job_progress
from controlplane.documents.models import Document, DocumentStatus, IndexJob, JobStatus, Version
from controlplane.documents.selectors import UNDER_WAY
from controlplane.documents.serializers import version_progress


def told(row: Version | IndexJob) -> Failure | None:
    """Why it failed, or what it waits for."""
    return failure(code=row.error_code, params=row.error_params) if row.error_code else None


@dataclass(frozen=True, slots=True)
class VersionRow:
    """Of a version whose jobs are prefetched."""

    version: Version
    is_live: bool

    @property
    def job(self) -> IndexJob | None:
        jobs: list[IndexJob] = self.version.newest_jobs  # type: ignore[attr-defined]
        return jobs[0] if jobs else None

    @property
    def is_running(self) -> bool:
        return self.version.status in UNDER_WAY

    @property
    def percent(self) -> int:
        return round(100 * version_progress(self.version, self.version.newest_jobs))  # type: ignore[attr-defined]

    @property
    def failure(self) -> Failure | None:
        return told(self.version) if self.version.status == DocumentStatus.FAILED else None

    @property
    def waiting(self) -> Failure | None:
        return told(self.job) if self.job and self.job.status == JobStatus.QUEUED else None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """Of a document from `document_list` or `document_get`."""

    document: Document
    versions: tuple[VersionRow, ...]

    @property
    def latest(self) -> VersionRow:
        return self.versions[0]

    @property
    def live(self) -> Version | None:
        return next((row.version for row in self.versions if row.is_live), None)

    @property
    def told(self) -> Version:
        """The version whose pages and passages stand for the document."""
        return self.live or self.latest.version

    @property
    def secrecy(self) -> Secrecy:
        return Secrecy(self.document.secrecy)

    @property
    def is_running(self) -> bool:
        return self.latest.is_running


def document_row(document: Document) -> DocumentRow:
    shown: list[Version] = document.shown_versions  # type: ignore[attr-defined]
    rows = (VersionRow(version, version.pk == document.live_version) for version in shown)
    return DocumentRow(document, tuple(rows))


def document_rows(documents: Iterable[Document]) -> list[DocumentRow]:
    return [document_row(document) for document in documents]


@dataclass(frozen=True, slots=True)
class JobRow:
    job: IndexJob

    @property
    def is_open(self) -> bool:
        return self.job.status in (JobStatus.QUEUED, JobStatus.RUNNING)

    @property
    def percent(self) -> int:
        return round(100 * job_progress(self.job))

    @property
    def told(self) -> Failure | None:
        """Why it failed, or what it waits for."""
        wanted = self.job.status in (JobStatus.FAILED, JobStatus.QUEUED)
        return told(self.job) if wanted else None

    @property
    def may_retry(self) -> bool:
        return self.job.status in (JobStatus.FAILED, JobStatus.CANCELLED)

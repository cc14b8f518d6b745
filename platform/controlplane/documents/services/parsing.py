"""The first stage of a job: the file is read in a child process and its passages are stored."""

import logging
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from controlplane.documents.failures import storable
from controlplane.documents.filenames import title_of
from controlplane.documents.models import DocumentStatus, IndexJob, JobStage, JobStatus, Version
from controlplane.documents.services.jobs import job_send
from controlplane.documents.services.leases import (
    CancelRequestedError,
    Heartbeat,
    Lease,
    LeaseLostError,
    SuspendedError,
    claim,
    fenced,
)
from controlplane.documents.services.outcomes import job_cancelled, job_fail, job_put_back, job_try_later
from controlplane.documents.services.traces import traces_remove
from controlplane.documents.storage import BlobMissingError, StoreUnavailableError, fetched
from rag.parsing import ParsedDocument, ParseError, ParseLimits, parse_in_child
from rag.splitting import Passage, SplitSettings, split_document

log = logging.getLogger(__name__)

ATTEMPTS = 3
_ROWS = 1000
_WARNINGS = 200
_INSERT = """
INSERT INTO documents_passage (tenant_id, document_id, version_id, ordinal, text, page, page_end, section)
SELECT %s::uuid, %s::uuid, %s::uuid, p.* FROM unnest(%s::int[], %s::text[], %s::int[], %s::int[], %s::text[]) AS p
"""


@dataclass(frozen=True, slots=True)
class _Source:
    version_id: UUID
    document_id: UUID
    filename: str
    path: str
    sha256: str


def parse(*, tenant_id: UUID, job_id: UUID) -> None:
    """Read the job's file and store its passages, if the job is due; the document fails with a reason if it can't be read."""
    lease = claim(tenant_id=tenant_id, job_id=job_id, stage=JobStage.PARSE)
    if lease is None:
        return
    try:
        _parse(lease)
    except CancelRequestedError:
        job_cancelled(lease=lease)
    except SuspendedError:
        job_put_back(lease=lease)
    except LeaseLostError:
        return


def _parse(lease: Lease) -> None:
    if lease.attempts > ATTEMPTS:
        job_fail(lease=lease, code="parse_crashed", params={"attempts": ATTEMPTS})
        return
    source = _begin(lease)
    try:
        with Heartbeat(lease) as beat:
            try:
                document, passages = _read(source, beat)
            except ParseError:
                beat.check()  # a cancelled child is not a failed one
                raise
            _store(lease, source, document, passages)
    except ParseError as error:
        job_fail(lease=lease, code=error.code, params=error.params)
    except BlobMissingError:
        job_fail(lease=lease, code="file_missing", params={})
    except StoreUnavailableError as error:
        log.warning("job %s: the document store: %s", lease.job_id, error)
        job_try_later(lease=lease, code="storage_unavailable")


def _begin(lease: Lease) -> _Source:
    with fenced(lease) as job:
        version = Version.objects.select_related("document", "blob").get(pk=job.version_id)
        Version.objects.filter(pk=version.pk).update(status=DocumentStatus.PARSING)
    return _Source(
        version_id=version.pk,
        document_id=version.document_id,
        filename=version.document.filename,
        path=version.blob.path,
        sha256=version.blob.sha256,
    )


def _read(source: _Source, beat: Heartbeat) -> tuple[ParsedDocument, list[Passage]]:
    with fetched(path=source.path, sha256=source.sha256) as path:
        document = _in_child(source, path, beat)
    passages = split_document(document=document, settings=SplitSettings())
    if not passages:
        raise ParseError("no_text")
    return document, passages


def _in_child(source: _Source, path: Path, beat: Heartbeat) -> ParsedDocument:
    limits = ParseLimits(
        seconds=settings.ENV.parse_seconds,
        cpu_seconds=max(1, int(settings.ENV.parse_seconds)),
        memory_bytes=settings.ENV.parse_memory_bytes,
        max_file_bytes=max(settings.MAX_UPLOAD_BYTES, ParseLimits().max_file_bytes),
    )
    return parse_in_child(
        path=path,
        filename=source.filename,
        limits=limits,
        on_progress=beat.report,
        should_cancel=beat.stopped,
    )


def _store(lease: Lease, source: _Source, document: ParsedDocument, passages: list[Passage]) -> None:
    """Replace what an earlier attempt left, and hand the job on to the embedding stage, in one transaction."""
    with fenced(lease) as job:
        traces_remove(tenant_id=lease.tenant_id, version_ids=[source.version_id])
        for start in range(0, len(passages), _ROWS):
            _insert(lease.tenant_id, source, passages[start : start + _ROWS])
        Version.objects.filter(pk=source.version_id).update(
            status=DocumentStatus.EMBEDDING,
            title=storable(document.title or "").strip()[:300] or title_of(source.filename)[:300],
            pages=document.pages,
            chunks=len(passages),
            warnings=[storable(warning) for warning in document.warnings[:_WARNINGS]],
        )
        _hand_on(job, total=len(passages))


def _insert(tenant_id: UUID, source: _Source, passages: list[Passage]) -> None:
    columns: list[list[str] | list[int] | list[int | None]] = [
        [p.ordinal for p in passages],
        [p.text for p in passages],
        [p.page for p in passages],
        [p.page_end if p.page_end is not None else p.page for p in passages],
        [p.section for p in passages],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [tenant_id, source.document_id, source.version_id, *columns])


def _hand_on(job: IndexJob, *, total: int) -> None:
    IndexJob.objects.filter(pk=job.pk).update(
        stage=JobStage.EMBED,
        status=JobStatus.QUEUED,
        attempts=0,
        waits=0,
        error_code="",
        error_params={},
        done=0,
        total=total,
        lease=None,
        lease_until=None,
        updated_at=Now(),
    )
    job.stage = JobStage.EMBED
    job_send(job=job)

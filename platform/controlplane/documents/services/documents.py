"""Documents: uploaded, replaced, changed, deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Conflict, InvalidInput, UnsupportedMedia
from controlplane.core.queue import enqueue
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.failures import TRANSIENT, failure
from controlplane.documents.file_names import name_index
from controlplane.documents.filenames import clean_filename, title_of
from controlplane.documents.models import (
    Document,
    DocumentStatus,
    IndexJob,
    JobKind,
    KnowledgeBase,
    Version,
)
from controlplane.documents.services.blobs import blob_keep
from controlplane.documents.services.deletion import documents_delete
from controlplane.documents.services.jobs import job_requeue
from controlplane.documents.services.locking import base_lock, document_lock
from controlplane.documents.storage import blob_path, lock_path
from controlplane.identity.principal import Principal
from rag.parsing import HEAD_BYTES, SUPPORTED, ParseError, detect_format

PARSE_TASK = "documents.parse"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came in. `filename` is the client's and not to be trusted; `sha256` is hexadecimal."""

    filename: str
    file: File  # type: ignore[type-arg]
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Received:
    """What became of an upload. `job` is the one under way; None when there was nothing to do."""

    document: Document
    version: Version
    job: IndexJob | None


@dataclass(frozen=True, slots=True)
class _Intake:
    principal: Principal
    base: KnowledgeBase
    upload: Upload
    filename: str
    format: str
    secrecy: Secrecy | None
    metadata: Mapping[str, Any] | None

    @property
    def tenant_id(self) -> UUID:
        return self.principal.tenant

    def effective(self, own: int | None) -> Secrecy:
        return Secrecy(max(self.base.secrecy, own if own is not None else self.base.secrecy))


@transaction.atomic
def document_upload(
    *,
    principal: Principal,
    base: KnowledgeBase,
    upload: Upload,
    secrecy: Secrecy | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Received:
    """Keep the file and have it indexed.

    The same content again gives the existing document, its secrecy raised and its metadata replaced if asked for; other
    content under a known file name is its next version.
    Raises Forbidden, NotFound, InvalidInput (empty), UnsupportedMedia, Conflict.
    """
    principal.require_write(base.department_id)
    return document_receive(principal=principal, base=base, upload=upload, secrecy=secrecy, metadata=metadata)


def document_receive(
    *,
    principal: Principal,
    base: KnowledgeBase,
    upload: Upload,
    secrecy: Secrecy | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Received:
    """As `document_upload`, in the running transaction, for a caller that has checked who may upload into the base."""
    intake = _Intake(
        principal=principal,
        base=base,
        upload=upload,
        filename=clean_filename(upload.filename),
        format=_format(upload),
        secrecy=secrecy,
        metadata=metadata,
    )
    principal.require_clearance(intake.effective(secrecy), base.department_id)
    # Uploads of the same bytes go one after the other: the second finds what the first has made.
    lock_path(path=blob_path(tenant_id=intake.tenant_id, sha256=upload.sha256))
    existing = _same_content(intake)
    return _again(intake, existing) if existing else _new_version(intake)


def _format(upload: Upload) -> str:
    upload.file.seek(0)
    head = upload.file.read(HEAD_BYTES)
    upload.file.seek(0)
    try:
        return detect_format(head=head, filename=clean_filename(upload.filename))
    except ParseError as error:
        told = failure(code=error.code, params=error.params)
        if error.code == "empty_file":
            raise InvalidInput(
                code=error.code, field="file", detail=told.message, remedy=told.remedy
            ) from error
        raise UnsupportedMedia(
            code=error.code, field="file", detail=told.message, remedy=told.remedy, supported=list(SUPPORTED)
        ) from error


def _same_content(intake: _Intake) -> Version | None:
    """The latest version of a document of the base, if it is these bytes; rather the one of the same name."""
    versions = (
        Version.objects.filter(
            tenant_id=intake.tenant_id,
            document__knowledge_base=intake.base,
            number=F("document__latest_number"),
            blob__sha256=intake.upload.sha256,
        )
        .select_related("document")
        .order_by("-pk")
    )
    found = list(versions)
    same_name = [version for version in found if version.document.filename == intake.filename]
    return next(iter(same_name or found), None)


def _again(intake: _Intake, version: Version) -> Received:
    """The file is kept again, in case the store has lost it; what the caller says about it is applied."""
    upload = intake.upload
    blob_keep(tenant_id=intake.tenant_id, file=upload.file, size=upload.size, sha256=upload.sha256)
    job = _retry(intake, version)
    document = version.document
    base_lock(base=intake.base)
    document_lock(document=document)
    document.knowledge_base = intake.base
    own = _raised(document.own_secrecy, intake.secrecy)
    _change(
        principal=intake.principal,
        document=document,
        secrecy=own if own != document.own_secrecy else None,
        metadata=intake.metadata if intake.metadata != document.metadata else None,
    )
    return Received(document=document, version=version, job=job)


def _retry(intake: _Intake, version: Version) -> IndexJob | None:
    """Sending a file again that was cancelled, or that failed for a reason outside it, tries it again."""
    job = IndexJob.objects.filter(version=version, kind=JobKind.INDEX).order_by("-pk").first()
    is_failure = version.status == DocumentStatus.FAILED and version.error_code in TRANSIENT
    if job is None or not (is_failure or version.status == DocumentStatus.CANCELLED):
        return None
    job = job_requeue(principal=intake.principal, job=job)
    version.refresh_from_db(fields=["status", "error_code", "error_params"])
    return job


def _new_version(intake: _Intake) -> Received:
    upload = intake.upload
    blob = blob_keep(tenant_id=intake.tenant_id, file=upload.file, size=upload.size, sha256=upload.sha256)
    base_lock(
        base=intake.base
    )  # not earlier: workers wait for it to publish, and storing the file takes its time
    document = _document(intake)
    version = Version.objects.create(
        tenant_id=intake.tenant_id,
        document=document,
        number=document.latest_number,
        blob=blob,
        format=intake.format,
    )
    job = IndexJob.objects.create(
        tenant_id=intake.tenant_id,
        version=version,
        space_id=intake.base.next_space_id or intake.base.space_id,
    )
    record(
        tenant_id=intake.tenant_id,
        actor=intake.principal.actor,
        action="document.uploaded",
        target=f"document:{document.pk}",
        knowledge_base=str(intake.base.pk),
        filename=document.filename,
        version=version.number,
        sha256=upload.sha256,
        size=upload.size,
        secrecy=Secrecy(document.secrecy).slug,
        **({"conversation": str(intake.base.conversation)} if intake.base.conversation else {}),
    )
    enqueue(PARSE_TASK, tenant_id=str(intake.tenant_id), job_id=str(job.pk))
    return Received(document=document, version=version, job=job)


def _document(intake: _Intake) -> Document:
    """The document of that name, locked, with its number of versions raised by one."""
    fields = {"tenant_id": intake.tenant_id, "knowledge_base": intake.base, "filename": intake.filename}
    document = Document.objects.select_for_update(no_key=True).filter(**fields).first()
    if document is None:
        document = _create(intake, fields)
    document.own_secrecy = _raised(document.own_secrecy, intake.secrecy)
    document.secrecy = intake.effective(document.own_secrecy)
    intake.principal.require_clearance(Secrecy(document.secrecy), document.department_id)
    if intake.metadata is not None:
        document.metadata = dict(intake.metadata)
    document.latest_number += 1
    document.save(update_fields=["own_secrecy", "secrecy", "metadata", "latest_number", "updated_at"])
    return document


def _raised(own: int | None, wanted: Secrecy | None) -> int | None:
    """An upload never lowers what somebody has classified: that takes a change of the document itself."""
    if own is None or wanted is None:
        return own if wanted is None else wanted
    return max(own, wanted)


def _create(intake: _Intake, fields: Mapping[str, Any]) -> Document:
    try:
        with transaction.atomic():
            made = Document.objects.create(
                **fields,
                department_id=intake.base.department_id,
                owner=intake.base.owner,
                secrecy=intake.effective(intake.secrecy),
                title=title_of(intake.filename)[:300],
            )
            name_index(document=made)
            return made
    except IntegrityError as error:
        # Somebody was faster, or the name belongs to a document above the caller's clearance.
        document = Document.objects.select_for_update(no_key=True).filter(**fields).first()
        if document is None:
            raise Conflict(
                code="filename_taken",
                field="file",
                detail=_("The knowledge base already has a document “%(name)s” that you may not change.")
                % {"name": intake.filename},
                remedy=_("Upload the file under another name."),
            ) from error
        return document


@transaction.atomic
def document_update(
    *,
    principal: Principal,
    document: Document,
    secrecy: Secrecy | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Secrecy takes effect with the next search: only the document's own row holds it. Raises Forbidden, NotFound."""
    principal.require_write(document.department_id)
    base_lock(base=document.knowledge_base)
    document_lock(document=document)
    _change(principal=principal, document=document, secrecy=secrecy, metadata=metadata)


def _change(
    *, principal: Principal, document: Document, secrecy: int | None, metadata: Mapping[str, Any] | None
) -> None:
    changes: dict[str, Any] = {}
    if secrecy is not None:
        effective = Secrecy(max(secrecy, document.knowledge_base.secrecy))
        principal.require_clearance(effective, document.department_id)
        document.own_secrecy, document.secrecy = secrecy, effective
        changes["secrecy"] = effective.slug
    if metadata is not None:
        document.metadata = dict(metadata)
        changes["metadata"] = document.metadata
    if not changes:
        return
    document.save(update_fields=["own_secrecy", "secrecy", "metadata", "updated_at"])
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="document.updated",
        target=f"document:{document.pk}",
        **changes,
    )


@transaction.atomic
def document_delete(*, principal: Principal, document: Document) -> None:
    """With every trace, also while it is being indexed. Raises Forbidden."""
    principal.require_write(document.department_id)
    document_remove(principal=principal, document=document)


def document_remove(*, principal: Principal, document: Document) -> None:
    """As `document_delete`, in the running transaction, for a caller that has checked the permission."""
    with tenant_scope(principal.tenant):
        documents_delete(tenant_id=principal.tenant, documents=Document.objects.filter(pk=document.pk))
    record(
        tenant_id=principal.tenant,
        actor=principal.actor,
        action="document.deleted",
        target=f"document:{document.pk}",
        filename=document.filename,
        knowledge_base=str(document.knowledge_base_id),
    )

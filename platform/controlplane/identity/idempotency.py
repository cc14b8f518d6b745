"""Writes that carry an `Idempotency-Key` happen once, however often they are sent.

The record is part of the write's own transaction: it exists exactly if the write does. A repetition that arrives while the
first is still running waits for it at the unique key, for a while.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from psycopg import errors
from rest_framework.request import Request

from controlplane.core.problems import Conflict, InvalidInput
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.identity.models import IdempotencyRecord
from controlplane.identity.principal import Principal

MAX_KEY = 255
KEPT = timedelta(hours=24)
_WAIT = "10s"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def fingerprint(*, method: str, path: str, content: Iterable[bytes]) -> str:
    """The SHA-256 of all of it, each part with its length before it: no two requests share one by how they are cut."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), *content):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.hexdigest()


def form_content(request: Request) -> Iterator[bytes]:
    """What a multipart body says, whatever boundary it was sent with: its fields, and the hash of each file."""
    for name, values in sorted(request.POST.lists()):
        yield from (name.encode(), *(str(value).encode(errors="replace") for value in values))
    for name, uploads in sorted(request.FILES.lists()):
        for upload in uploads:
            yield from (name.encode(), (upload.name or "").encode(errors="replace"), _sha256(upload))


def _sha256(upload: "UploadedFile[Any]") -> bytes:
    if known := getattr(upload, "sha256", ""):  # computed while it was received
        return str(known).encode()
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    return digest.hexdigest().encode()


def begin(*, principal: Principal, key: str, print_: str) -> IdempotencyRecord | Answer:
    """The record to complete with `finish`, or the answer that the first request was given.

    Raises InvalidInput when the key was used for another request, Conflict when the first is not done in good time.
    """
    if len(key) > MAX_KEY:
        raise InvalidInput(
            code="idempotency_key_too_long", field="Idempotency-Key", detail=_("At most 255 characters.")
        )
    own = {"tenant_id": principal.tenant_id, "actor": principal.actor, "key": key}
    try:
        return _insert(**own, fingerprint=print_)
    except IntegrityError:
        record = IdempotencyRecord.objects.get(**own)
    if record.fingerprint != print_:
        raise InvalidInput(
            code="idempotency_key_reused",
            field="Idempotency-Key",
            detail=_("This key was used for another request."),
            remedy=_("Use a new key for every new request."),
        )
    return Answer(status=record.status or 200, body=record.body)


def _insert(**values: Any) -> IdempotencyRecord:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{_WAIT}'")
            record = IdempotencyRecord.objects.create(**values)
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
            return record
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.LockNotAvailable):
            raise
        raise Conflict(
            code="idempotency_in_progress",
            field="Idempotency-Key",
            detail=_("The first request with this key is still running."),
            remedy=_("Send it again in a little while."),
            retry_after=5,
        ) from error


def finish(*, record: IdempotencyRecord, answer: Answer) -> None:
    record.status, record.body = answer.status, answer.body
    record.save(update_fields=["status", "body"])


def purge(*, tenant_id: UUID | None) -> int:
    """Forget the tenant's answers, or those that concern none, that are a day old. How many there were."""
    with tenant_scope(tenant_id) if tenant_id else platform_scope():
        old = IdempotencyRecord.objects.filter(tenant=tenant_id, created_at__lt=timezone.now() - KEPT)
        return old.delete()[0]

"""Writes that carry an `Idempotency-Key` happen once, however often they are sent.

The record is part of the write's own transaction: it exists exactly if the write does. A repetition that arrives while the
first is still running waits for it at the unique key.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput
from controlplane.identity.models import IdempotencyRecord
from controlplane.identity.principal import Principal

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def fingerprint(*, method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


def begin(*, principal: Principal, key: str, print_: str) -> IdempotencyRecord | Answer:
    """The record to complete with `finish`, or the answer that the first request was given.

    Raises InvalidInput when the key was used for another request.
    """
    if len(key) > MAX_KEY:
        raise InvalidInput(
            code="idempotency_key_too_long", field="Idempotency-Key", detail=_("At most 255 characters.")
        )
    own = {"tenant_id": principal.tenant, "actor": principal.actor, "key": key}
    try:
        with transaction.atomic():
            return IdempotencyRecord.objects.create(**own, fingerprint=print_)
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


def finish(*, record: IdempotencyRecord, answer: Answer) -> None:
    record.status, record.body = answer.status, answer.body
    record.save(update_fields=["status", "body"])

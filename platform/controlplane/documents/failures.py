"""What can go wrong with a document, in the reader's language: a code, a sentence, a remedy.

The codes are part of the API. Those of `rag.parsing` come from reading the file, the rest from indexing it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Unavailable
from rag.parsing import SUPPORTED

# Failures that have their cause outside the file: the same bytes may well succeed later.
TRANSIENT = frozenset(
    {
        "embedding_unavailable",
        "embedding_model_changed",
        "index_crashed",
        "file_missing",
        "storage_unavailable",
    }
)
RETRY_SECONDS = 10
_STORED_CHARS = 500


@dataclass(frozen=True, slots=True)
class Failure:
    code: str
    message: str
    remedy: str


_SPLIT = _("Split the file into smaller ones, or ask the operator for a higher limit.")
_REPAIR = _("Open the file in the program that made it, save it again, and upload the result.")
_RETRY = _("Retry; if it happens again, show the operator the job's identifier.")

_TEXTS: dict[str, tuple[str | Promise, str | Promise]] = {
    "unsupported_format": (
        _("This kind of file cannot be read."),
        _("Convert it to one of these formats: %(supported)s."),
    ),
    "empty_file": (_("The file is empty."), _("Check the file on your side and upload it again.")),
    "encrypted_file": (
        _("The file is protected by a password."),
        _("Remove the password and upload the file again."),
    ),
    "corrupt_file": (_("The file is damaged or incomplete."), _REPAIR),
    "no_text": (
        _("There is no text in the file. It may consist of scanned pages."),
        _("Run text recognition (OCR) over it and upload the result."),
    ),
    "file_too_large": (_("The file, or what it unpacks to, is larger than allowed."), _SPLIT),
    "too_many_pages": (_("The file has more pages than the limit of %(limit)s."), _SPLIT),
    "too_much_text": (_("The file holds more text than the limit of %(limit)s."), _SPLIT),
    "parse_timeout": (_("Reading the file took longer than the %(seconds)s seconds allowed."), _SPLIT),
    "parse_memory": (_("Reading the file took more memory than allowed."), _SPLIT),
    "parse_crashed": (_("The file made the reader crash."), _REPAIR),
    "parse_cancelled": (_("Reading the file was cancelled."), _("Retry to read it after all.")),
    "embedding_unavailable": (
        _("The embedding service did not answer."),
        _("Ask the operator to check the embedding service; indexing goes on by itself when it answers."),
    ),
    "embedding_rejected": (
        _("The embedding service refused the text."),
        _("Ask the operator to check the settings of the embedding service, then retry."),
    ),
    "embedding_model_changed": (
        _("The embedding service now runs another model than the one this knowledge base is indexed with."),
        _("Re-index the knowledge base, or ask the operator to bring the former model back; then retry."),
    ),
    "index_crashed": (_("Indexing the document failed repeatedly."), _RETRY),
    "storage_unavailable": (
        _("The document store did not answer, or its disk is full."),
        _("Ask the operator to check the document store."),
    ),
    "file_missing": (_("The stored file is missing or damaged."), _("Upload the file again.")),
}
CODES = frozenset(_TEXTS)


def failure(*, code: str, params: Mapping[str, Any]) -> Failure:
    """Message and remedy in the active language. An unknown code keeps its name and gets the general remedy."""
    message, remedy = _TEXTS.get(code, (_("Indexing the document failed."), _RETRY))
    values = {"limit": "", "seconds": "", "supported": ", ".join(SUPPORTED), **params}
    return Failure(code=code, message=str(message) % values, remedy=str(remedy) % values)


def storable(text: str) -> str:
    """Text of a file, or about it, as PostgreSQL takes it: what reads files is not trusted to have cleaned it."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:_STORED_CHARS]


def storage_unavailable() -> Unavailable:
    """For a request that needs the document store now."""
    told = failure(code="storage_unavailable", params={})
    return Unavailable(code=told.code, detail=told.message, remedy=told.remedy, retry_after=RETRY_SECONDS)

"""Handing a stored file back without letting the browser run anything in it."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from django.core.files.base import File
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import NotFound
from controlplane.documents.failures import storage_unavailable
from controlplane.documents.models import Version
from controlplane.documents.storage import BlobMissingError, StoreUnavailableError, store, store_errors

_BLOCK = 256 * 1024
# HTML and mail are not named as what they are: a browser that shows them in spite of everything shows text.
_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def source_response(*, request: HttpRequest, filename: str, version: Version) -> StreamingHttpResponse:
    """The version's original bytes as an attachment. Raises NotFound when the store has lost them, Unavailable."""
    try:
        with store_errors(version.blob.path):
            file = store().open(version.blob.path)
    except StoreUnavailableError as error:
        raise storage_unavailable() from error
    except BlobMissingError as error:
        raise NotFound(
            code="file_missing",
            detail=_("The stored file is missing."),
            remedy=_("Upload the file again."),
        ) from error
    headers = {
        "Content-Disposition": content_disposition_header(True, filename) or "attachment",
        "Content-Length": str(version.blob.size),
        "Content-Type": _TYPES.get(version.format, "application/octet-stream"),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_blocks(file), headers=headers)
    return StreamingHttpResponse(_blocking_blocks(file), headers=headers)


def _blocking_blocks(file: File) -> Iterator[bytes]:  # type: ignore[type-arg]
    with file:
        yield from file.chunks(_BLOCK)


async def _blocks(file: File) -> AsyncIterator[bytes]:  # type: ignore[type-arg]
    """Under ASGI Django would read a blocking iterator whole into memory first."""
    try:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
    finally:
        await asyncio.to_thread(file.close)

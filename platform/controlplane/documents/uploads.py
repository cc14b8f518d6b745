"""Uploads on their way in: bounded, hashed as they stream, never held in memory."""

import hashlib
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import TooLarge

# What a multipart body holds beside the file: part headers, the other fields.
ENVELOPE_BYTES = 1024 * 1024
MIB = 1024 * 1024


def too_large(limit: int | None = None) -> TooLarge:
    """Of a file beyond the limit in bytes, by default that of every upload."""
    limit = settings.MAX_UPLOAD_BYTES if limit is None else limit
    return TooLarge(
        code="file_too_large",
        field="file",
        detail=_("The file is larger than the limit of %(limit)s MiB.") % {"limit": round(limit / MIB, 1)},
        remedy=_("Split the file into smaller ones, or ask the operator for a higher limit."),
        limit=limit,
    )


def check_length(content_length: int, limit: int | None = None) -> None:
    """Raise TooLarge for a body that says beforehand that it is too long."""
    if content_length > (settings.MAX_UPLOAD_BYTES if limit is None else limit) + ENVELOPE_BYTES:
        raise too_large(limit)


class HashedUpload(TemporaryUploadedFile):
    """An uploaded file in a temporary place, with the SHA-256 of its bytes in hexadecimal."""

    sha256 = ""


class BoundedTemporaryFileUploadHandler(TemporaryFileUploadHandler):
    """Refuses what is over the limit, by the announced length before reading, and while reading when that lied."""

    file: HashedUpload

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: Mapping[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        check_length(content_length)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = HashedUpload(
            self.file_name or "", self.content_type or "", 0, self.charset, self.content_type_extra
        )
        self._digest = hashlib.sha256()
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        if self._received > settings.MAX_UPLOAD_BYTES:
            self.file.close()
            raise too_large()
        self._digest.update(raw_data)
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> HashedUpload:
        self.file.seek(0)
        self.file.size = file_size
        self.file.sha256 = self._digest.hexdigest()
        return self.file

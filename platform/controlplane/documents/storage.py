"""Documents' bytes in the configured store, once per tenant and content.

A path depends on the content alone, so writers of the same bytes meet in one place: whoever writes or removes there holds
the path's advisory lock until the end of the transaction that changes the row.
"""

import contextlib
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import Storage, storages
from django.db import connection

_BLOCK = 1024 * 1024


class BlobMissingError(Exception):
    """The store has no such bytes any more, or others than were put there."""


def store() -> Storage:
    return storages["documents"]


def blob_path(*, tenant_id: UUID, sha256: str) -> str:
    return f"{tenant_id}/{sha256[:2]}/{sha256}"


def lock_path(*, path: str) -> None:
    """Wait for other transactions that write or remove these bytes; held until the running one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [path])


def put(*, path: str, file: File, size: int) -> None:  # type: ignore[type-arg]
    """Store the bytes, unless they are there already. Needs `lock_path`."""
    storage = store()
    if storage.exists(path):
        if storage.size(path) == size:
            return
        storage.delete(path)  # what a process left that was killed while it wrote
    file.seek(0)
    storage.save(path, file)


def remove(*, path: str) -> None:
    """No error if it is gone already. Needs `lock_path`."""
    store().delete(path)


@contextlib.contextmanager
def fetched(*, path: str, sha256: str) -> Iterator[Path]:
    """A local copy for as long as the block runs. Raises BlobMissingError."""
    with tempfile.NamedTemporaryFile(prefix="karez-document-") as copy:
        digest = hashlib.sha256()
        try:
            with store().open(path) as source:
                for block in source.chunks(_BLOCK):
                    digest.update(block)
                    copy.write(block)
        except OSError as error:
            raise BlobMissingError(path) from error
        if digest.hexdigest() != sha256:
            raise BlobMissingError(path)
        copy.flush()
        yield Path(copy.name)

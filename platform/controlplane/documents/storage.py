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


class StoreUnavailableError(Exception):
    """The store, or the disk for a copy, does not serve us now. It says nothing about the bytes."""


def store() -> Storage:
    return storages["documents"]


def blob_path(*, tenant_id: UUID, sha256: str) -> str:
    return f"{tenant_id}/{sha256[:2]}/{sha256}"


def lock_path(*, path: str) -> None:
    """Wait for other transactions that write or remove these bytes; held until the running one ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [path])


def put(*, path: str, file: File, size: int, sha256: str) -> None:  # type: ignore[type-arg]
    """Store the bytes, unless they are there already, and whole. Needs `lock_path`. Raises StoreUnavailableError."""
    with store_errors(path):
        storage = store()
        if storage.exists(path):
            if storage.size(path) == size and _digest(storage, path) == sha256:
                return
            storage.delete(path)  # what a process left that was killed while it wrote, or a disk that forgets
        file.seek(0)
        storage.save(path, file)


def _digest(storage: Storage, path: str) -> str:
    digest = hashlib.sha256()
    with storage.open(path) as stored:
        for block in stored.chunks(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def remove(*, path: str) -> None:
    """No error if it is gone already. Needs `lock_path`."""
    store().delete(path)


@contextlib.contextmanager
def store_errors(path: str) -> Iterator[None]:
    """Tell lost bytes, which only an upload brings back, from a store that does not answer or a disk that is full."""
    try:
        yield
    except BlobMissingError:
        raise
    except FileNotFoundError as error:
        raise BlobMissingError(path) from error
    except Exception as error:  # each backend of a store raises its own: botocore's, urllib3's, OSError
        raise StoreUnavailableError(f"{type(error).__name__}: {error}") from error


@contextlib.contextmanager
def opened(*, path: str, sha256: str) -> Iterator[Path]:
    """The bytes where they lie, if the store is a folder here; else a copy, as by `fetched`.

    For showing, not for indexing: what lies here is not compared with its hash, which would read the whole file for a page.
    Raises BlobMissingError, StoreUnavailableError.
    """
    try:
        here = Path(store().path(path))
    except NotImplementedError:
        with fetched(path=path, sha256=sha256) as copy:
            yield copy
        return
    with store_errors(path):
        here.stat()
    yield here


@contextlib.contextmanager
def fetched(*, path: str, sha256: str) -> Iterator[Path]:
    """A local copy for as long as the block runs, which no folder names: a killed worker leaves no document behind.

    Raises BlobMissingError, StoreUnavailableError.
    """
    with contextlib.ExitStack() as kept:
        with store_errors(path):
            copy = kept.enter_context(tempfile.TemporaryFile())
            digest = hashlib.sha256()
            with store().open(path) as source:
                for block in source.chunks(_BLOCK):
                    digest.update(block)
                    copy.write(block)
            if digest.hexdigest() != sha256:
                raise BlobMissingError(path)
            copy.flush()
        yield Path(f"/proc/self/fd/{copy.fileno()}")

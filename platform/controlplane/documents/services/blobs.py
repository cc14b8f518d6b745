"""Keeping the bytes of uploads, once, and for as long as a version refers to them."""

from functools import partial
from uuid import UUID

from django.core.files.base import File
from django.db import transaction

from controlplane.core.scope import tenant_scope
from controlplane.documents import storage
from controlplane.documents.failures import storage_unavailable
from controlplane.documents.models import Blob


def blob_keep(*, tenant_id: UUID, file: File, size: int, sha256: str) -> Blob:  # type: ignore[type-arg]
    """The tenant's one blob of these bytes. The path is locked from here to the end of the transaction.

    Bytes that the store has lost or damaged are stored anew. Raises Unavailable.
    """
    path = storage.blob_path(tenant_id=tenant_id, sha256=sha256)
    storage.lock_path(path=path)
    try:
        storage.put(path=path, file=file, size=size, sha256=sha256)
    except storage.StoreUnavailableError as error:
        raise storage_unavailable() from error
    blob, _created = Blob.objects.get_or_create(
        tenant_id=tenant_id, sha256=sha256, defaults={"size": size, "path": path}
    )
    return blob


def blobs_release_on_commit(*, tenant_id: UUID, blobs: list[Blob]) -> None:
    """After the commit, remove those that no version refers to any more. What fails here is left to the sweep."""
    for blob in blobs:
        transaction.on_commit(partial(blob_release, tenant_id=tenant_id, blob=blob), robust=True)


def blob_release(*, tenant_id: UUID, blob: Blob) -> None:
    """Remove the bytes and their row unless a version refers to them, in a transaction of its own.

    The bytes go first: a process killed in between leaves the row, and the sweep comes back to it.
    """
    with tenant_scope(tenant_id):
        storage.lock_path(path=blob.path)
        if Blob.objects.filter(pk=blob.pk, versions__isnull=True).exists():
            storage.remove(path=blob.path)
            Blob.objects.filter(pk=blob.pk).delete()

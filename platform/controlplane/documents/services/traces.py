"""Removing what a version left in the passages and in the index."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection

from controlplane.documents.models import Passage
from rag.index import PassageIndex


def traces_remove(*, tenant_id: UUID, version_ids: Iterable[UUID]) -> None:
    """Vectors, postings and passages of the versions, in the running transaction."""
    for version_id in version_ids:
        with connection.cursor() as cursor:
            PassageIndex(cursor=cursor).remove_version(tenant_id=tenant_id, version_id=version_id)
        Passage.objects.filter(tenant_id=tenant_id, version_id=version_id).delete()


def vectors_remove(*, tenant_id: UUID, version_id: UUID, space_id: UUID) -> None:
    """The version's vectors in one space."""
    with connection.cursor() as cursor:
        PassageIndex(cursor=cursor).remove_version(
            tenant_id=tenant_id, version_id=version_id, space_id=space_id
        )


def spaces_remove(*, tenant_id: UUID, version_ids: Iterable[UUID], space_ids: Iterable[UUID]) -> int:
    """The versions' vectors in the spaces. Their number."""
    with connection.cursor() as cursor:
        return PassageIndex(cursor=cursor).remove_versions(
            tenant_id=tenant_id, version_ids=list(version_ids), space_ids=list(space_ids)
        )

"""Writing the index. Everything runs in the caller's transaction, under the caller's tenant."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from rag.index.cursor import Cursor
from rag.index.entries import Entry, Space
from rag.index.postings import packed_postings, segments
from rag.index.vectors import halfvec_literal

_LOCK_VERSION = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_ADD_VECTORS = """
INSERT INTO rag_vector (tenant_id, space_id, knowledge_base_id, document_id, version_id, passage_id, dimension, embedding)
SELECT %s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::uuid, e.id, %s::smallint, e.vector::halfvec
FROM unnest(%s::bigint[], %s::text[]) AS e (id, vector)
ON CONFLICT (tenant_id, space_id, passage_id) DO NOTHING
"""
_SEGMENTED = """
SELECT unnest(passages) FROM rag_segment WHERE tenant_id = %s::uuid AND version_id = %s::uuid
"""
_ADD_SEGMENT = """
INSERT INTO rag_segment (tenant_id, knowledge_base_id, document_id, version_id, passages, terms)
VALUES (%s::uuid, %s::uuid, %s::uuid, %s::uuid, %s::bigint[], %s::bigint[]) RETURNING id
"""
# In order of term: neighbours in the index are written together.
_ADD_POSTINGS = """
INSERT INTO rag_posting (tenant_id, term, segment_id, packed)
SELECT %s::uuid, p.term, %s::bigint, p.packed FROM unnest(%s::bigint[], %s::bytea[]) AS p (term, packed)
"""
_REMOVE_VERSION = "DELETE FROM rag_vector WHERE tenant_id = %s::uuid AND version_id = %s::uuid"
_REMOVE_VERSION_FROM_SPACE = _REMOVE_VERSION + " AND space_id = %s::uuid"
_REMOVE_SEGMENTS = "DELETE FROM rag_segment WHERE tenant_id = %s::uuid AND version_id = %s::uuid"
_REMOVE_SPACE = "DELETE FROM rag_vector WHERE tenant_id = %s::uuid AND space_id = %s::uuid"
_REMOVE_VERSIONS_FROM_SPACES = """
WITH gone AS (
    DELETE FROM rag_vector WHERE tenant_id = %s::uuid AND version_id = ANY(%s::uuid[]) AND space_id = ANY(%s::uuid[])
    RETURNING version_id
)
SELECT version_id, count(*) FROM gone GROUP BY version_id
"""
_REMOVE_BARE_SEGMENTS = """
DELETE FROM rag_segment s WHERE s.tenant_id = %s::uuid AND NOT EXISTS (
    SELECT 1 FROM rag_vector v WHERE v.tenant_id = s.tenant_id AND v.version_id = s.version_id
)
"""
_REMOVE_BARE_SEGMENTS_OF_VERSION = _REMOVE_BARE_SEGMENTS + " AND s.version_id = %s::uuid"
_MISSING = """
SELECT p.id FROM documents_passage p
WHERE p.tenant_id = %s::uuid AND p.version_id = %s::uuid AND NOT EXISTS (
    SELECT 1 FROM rag_vector v WHERE v.tenant_id = p.tenant_id AND v.space_id = %s::uuid AND v.passage_id = p.id
)
ORDER BY p.ordinal LIMIT %s::int
"""


class PassageIndex:
    """Adds passages to the index and removes them. `cursor`: inside a transaction whose tenant is set."""

    def __init__(self, *, cursor: Cursor) -> None:
        self._cursor = cursor

    def add(
        self,
        *,
        tenant_id: UUID,
        space: Space,
        knowledge_base_id: UUID,
        document_id: UUID,
        version_id: UUID,
        entries: Sequence[Entry],
    ) -> None:
        """Index passages of one version. What is indexed already is left as it is, so a batch may be repeated.

        Raises ValueError for a vector that is not of the space's dimension, or not finite.
        """
        if not entries:
            return
        ordered = {entry.passage_id: entry for entry in sorted(entries, key=lambda entry: entry.passage_id)}
        vectors = [_literal(entry, space) for entry in ordered.values()]
        # Two spaces may be filled with one version at once: they share its segments.
        self._cursor.execute(_LOCK_VERSION, [str(version_id)])
        owner = (tenant_id, space.id, knowledge_base_id, document_id, version_id)
        self._cursor.execute(_ADD_VECTORS, [*owner, space.dimension, list(ordered), vectors])
        self._cursor.execute(_SEGMENTED, [tenant_id, version_id])
        segmented = {row[0] for row in self._cursor.fetchall()}
        fresh = {id_: entry.terms for id_, entry in ordered.items() if id_ not in segmented}
        self._add_segments((tenant_id, knowledge_base_id, document_id, version_id), fresh)

    def _add_segments(self, owner: tuple[UUID, UUID, UUID, UUID], terms: Mapping[int, Sequence[str]]) -> None:
        tenant_id, knowledge_base_id, _, _ = owner
        for passage_ids in segments(terms):
            packed = packed_postings(
                knowledge_base_id=knowledge_base_id, passages=[terms[id_] for id_ in passage_ids]
            )
            keys = sorted(packed)
            self._cursor.execute(_ADD_SEGMENT, [*owner, passage_ids, keys])
            segment_id = self._cursor.fetchone()[0]
            self._cursor.execute(_ADD_POSTINGS, [tenant_id, segment_id, keys, [packed[key] for key in keys]])

    def remove_version(self, *, tenant_id: UUID, version_id: UUID, space_id: UUID | None = None) -> int:
        """Take a version out of one space, or out of the index altogether. The number of vectors removed."""
        if space_id is None:
            self._cursor.execute(_REMOVE_VERSION, [tenant_id, version_id])
            removed = self._cursor.rowcount
            self._cursor.execute(_REMOVE_SEGMENTS, [tenant_id, version_id])
            return removed
        self._cursor.execute(_REMOVE_VERSION_FROM_SPACE, [tenant_id, version_id, space_id])
        removed = self._cursor.rowcount
        self._cursor.execute(_REMOVE_BARE_SEGMENTS_OF_VERSION, [tenant_id, version_id])
        return removed

    def remove_space(self, *, tenant_id: UUID, space_id: UUID) -> int:
        """Remove all vectors of a space, and the postings of what is in no other. The number of vectors removed."""
        self._cursor.execute(_REMOVE_SPACE, [tenant_id, space_id])
        removed = self._cursor.rowcount
        self._cursor.execute(_REMOVE_BARE_SEGMENTS, [tenant_id])
        return removed

    def remove_versions(
        self, *, tenant_id: UUID, version_ids: Sequence[UUID], space_ids: Sequence[UUID]
    ) -> int:
        """Remove what the index holds of the versions in the spaces. Returns the number of vectors removed."""
        self._cursor.execute(_REMOVE_VERSIONS_FROM_SPACES, (tenant_id, list(version_ids), list(space_ids)))
        removed = dict(self._cursor.fetchall())
        for version_id in removed:
            self._cursor.execute(_REMOVE_BARE_SEGMENTS_OF_VERSION, (tenant_id, version_id))
        return sum(removed.values())

    def missing(self, *, tenant_id: UUID, space_id: UUID, version_id: UUID, limit: int) -> list[int]:
        """The first `limit` passages of the version, in their order, that the space does not hold yet."""
        self._cursor.execute(_MISSING, [tenant_id, version_id, space_id, limit])
        return [row[0] for row in self._cursor.fetchall()]


def _literal(entry: Entry, space: Space) -> str:
    if entry.vector.shape != (space.dimension,):
        raise ValueError(
            f"passage {entry.passage_id}: a vector of shape {entry.vector.shape} in a space of {space.dimension} dimensions"
        )
    return halfvec_literal(entry.vector)

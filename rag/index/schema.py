"""The tables of the index, in SQL: a migration of the control plane runs it and adds the row-level security.

`rag_vector` has one row per passage and space, with one partial HNSW index per dimension. Vectors are halfvec: half the
size and the same recall. MAIN storage keeps those of 1024 dimensions in the row, where a scan would otherwise fetch each
from the side table. A space belongs to one tenant: the statistics object says so, or else the planner multiplies both
shares, expects a large tenant to be small, and reads it whole instead of walking the graph.

`rag_segment` and `rag_posting` are the keyword index (`rag.index.postings`). They do not depend on the space, so
re-embedding leaves them alone. Everything hangs on the version by foreign key: deleting a document deletes its index.
Postings follow their segment by trigger, because a foreign key would be checked once for each of millions of rows; they
are found by the segment's terms, which is smaller and faster to load than a second index on millions of rows.
"""

DIMENSIONS = (384, 512, 768, 1024)
TABLES = ("rag_vector", "rag_segment", "rag_posting")

_VECTOR = """
CREATE TABLE rag_vector (
    tenant_id uuid NOT NULL,
    space_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    passage_id bigint NOT NULL,
    dimension smallint NOT NULL CHECK (dimension = vector_dims(embedding)),
    embedding halfvec NOT NULL,
    PRIMARY KEY (tenant_id, space_id, passage_id)
);
ALTER TABLE rag_vector ALTER COLUMN embedding SET STORAGE MAIN;
CREATE INDEX rag_vector_version ON rag_vector (tenant_id, version_id, space_id);
CREATE STATISTICS rag_vector_owners (dependencies) ON tenant_id, space_id, knowledge_base_id FROM rag_vector;
"""

_SEGMENT = """
CREATE TABLE rag_segment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    knowledge_base_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version_id uuid NOT NULL,
    passages bigint[] NOT NULL,
    terms bigint[] NOT NULL
);
CREATE INDEX rag_segment_version ON rag_segment (tenant_id, version_id);
CREATE INDEX rag_segment_base ON rag_segment (tenant_id, knowledge_base_id);
"""

_POSTING = """
CREATE TABLE rag_posting (
    tenant_id uuid NOT NULL,
    term bigint NOT NULL,
    segment_id bigint NOT NULL,
    packed bytea NOT NULL
);
ALTER TABLE rag_posting ALTER COLUMN packed SET STORAGE PLAIN;
CREATE UNIQUE INDEX rag_posting_term ON rag_posting (tenant_id, term, segment_id) INCLUDE (packed);
"""

_POSTINGS_FOLLOW = """
CREATE FUNCTION rag_posting_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM rag_posting p USING gone g, unnest(g.terms) AS t (term)
    WHERE p.tenant_id = g.tenant_id AND p.term = t.term AND p.segment_id = g.id;
    RETURN NULL;
END $$;
CREATE TRIGGER rag_posting_follow AFTER DELETE ON rag_segment
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION rag_posting_follow();
"""


def _hnsw(dimension: int) -> str:
    return (
        f"CREATE INDEX rag_vector_hnsw_{dimension} ON rag_vector "
        f"USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops) WHERE dimension = {dimension};\n"
    )


CREATE = _VECTOR + _SEGMENT + _POSTING + _POSTINGS_FOLLOW
CREATE_HNSW = "".join(_hnsw(dimension) for dimension in DIMENSIONS)
DROP = "DROP TABLE rag_posting, rag_segment, rag_vector; DROP FUNCTION rag_posting_follow();"
DROP_HNSW = "".join(f"DROP INDEX IF EXISTS rag_vector_hnsw_{dimension};\n" for dimension in DIMENSIONS)

"""The SQL of a search. Access is decided in it: every leg joins documents_document, whose row-level security leaves the
documents that the transaction's departments and clearance may read, on the version that is live.
"""

from rag.index.postings import K1, WEIGHT_SCALE

# A version is live if its document says so; joined by the version alone, because PostgreSQL takes two conditions on one
# row for independent, expects one row where there are thousands, and plans for that.
_LIVE = """
    SELECT d.live_version FROM documents_document d
    WHERE d.tenant_id = %(tenant)s::uuid AND d.knowledge_base_id = ANY (%(bases)s::uuid[]) AND d.live_version IS NOT NULL
"""

# How many passages the search may see. pgvector's settings ride along: they last until the transaction ends.
SIZE = f"""
SELECT coalesce(sum(cardinality(s.passages)), 0)::bigint,
       (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'rag_vector'::regclass),
       set_config('hnsw.iterative_scan', 'relaxed_order', true),
       set_config('hnsw.ef_search', %(ef_search)s, true),
       set_config('hnsw.max_scan_tuples', %(max_scan_tuples)s, true)
FROM rag_segment s JOIN ({_LIVE}) d ON d.live_version = s.version_id
WHERE s.tenant_id = %(tenant)s::uuid AND s.knowledge_base_id = ANY (%(bases)s::uuid[])
"""  # noqa: S608 - put together from constants

# Every readable passage compared. The bare column does not match the HNSW index's expression, so it cannot be taken.
_EXACT = f"""
    SELECT r.passage_id, r.document_id, r.version_id, r.knowledge_base_id, r.embedding <=> %(vector)s::halfvec AS distance
    FROM rag_vector r JOIN ({_LIVE}) d ON d.live_version = r.version_id
    WHERE r.tenant_id = %(tenant)s::uuid AND r.space_id = %(space)s::uuid
    ORDER BY distance LIMIT %(candidates)s::int
"""  # noqa: S608 - put together from constants

# IS TRUE keeps the sub-select out of the join order: it is hashed once, and the HNSW scan asks it row by row.
_NEAREST = """
    SELECT r.passage_id, r.document_id, r.version_id, r.knowledge_base_id,
           r.embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) AS distance
    FROM rag_vector r
    WHERE r.tenant_id = %(tenant)s::uuid AND r.space_id = %(space)s::uuid AND r.dimension = {dimension}
      AND (r.version_id IN ({live})) IS TRUE
    ORDER BY r.embedding::halfvec({dimension}) <=> %(vector)s::halfvec({dimension}) LIMIT %(candidates)s::int
"""

# BM25 over the readable passages alone: their number and their term counts, not the whole tenant's.
# OFFSET 0 makes the postings of each term one range of the index, whatever the planner expects of them.
_SCORE = f"""
visible AS MATERIALIZED (
    SELECT s.id, cardinality(s.passages) AS passages
    FROM rag_segment s JOIN ({_LIVE}) d ON d.live_version = s.version_id
    WHERE s.tenant_id = %(tenant)s::uuid AND s.knowledge_base_id = ANY (%(bases)s::uuid[])
),
block AS MATERIALIZED (
    SELECT t.term, p.segment_id, p.packed
    FROM unnest(%(keys)s::bigint[], %(terms)s::int[]) AS t (key, term)
    CROSS JOIN LATERAL (
        SELECT segment_id, packed FROM rag_posting WHERE tenant_id = %(tenant)s::uuid AND term = t.key OFFSET 0
    ) p
    WHERE (p.segment_id IN (SELECT id FROM visible)) IS TRUE
),
total AS MATERIALIZED (SELECT coalesce(sum(passages), 0)::float8 AS passages FROM visible),
rarity AS MATERIALIZED (
    SELECT asked.term, ln(1 + (total.passages - coalesce(f.df, 0) + 0.5) / (coalesce(f.df, 0) + 0.5)) AS idf
    FROM total, (SELECT DISTINCT unnest(%(terms)s::int[]) AS term) asked
    LEFT JOIN (SELECT term, sum(octet_length(packed) / 2)::float8 AS df FROM block GROUP BY term) f USING (term)
),
score AS MATERIALIZED (
    SELECT b.segment_id, get_byte(b.packed, i) AS place,
           sum(r.idf * get_byte(b.packed, i + 1)) * {(K1 + 1) / WEIGHT_SCALE} AS bm25, sum(r.idf) AS mass
    FROM block b JOIN rarity r USING (term), generate_series(0, octet_length(b.packed) - 2, 2) AS i
    GROUP BY b.segment_id, place
),
worded AS MATERIALIZED (
    SELECT s.passages[k.place + 1] AS passage_id, s.document_id, s.version_id, s.knowledge_base_id, k.bm25, k.mass
    FROM (SELECT * FROM score ORDER BY bm25 DESC, segment_id, place LIMIT %(candidates)s::int) k
    JOIN rag_segment s ON s.tenant_id = %(tenant)s::uuid AND s.id = k.segment_id
),
asked AS MATERIALIZED (SELECT sum(idf) AS mass FROM rarity)
"""  # noqa: S608 - put together from constants

_DENSE = """
WITH near AS MATERIALIZED ({near})
SELECT passage_id, document_id, knowledge_base_id, 1 - distance, NULL::float8, 0::float8, 0::float8
FROM near ORDER BY distance, passage_id
"""

_KEYWORD = f"""
WITH {_SCORE}
SELECT w.passage_id, w.document_id, w.knowledge_base_id, NULL::float8, w.bm25, w.mass, a.mass
FROM worded w, asked a ORDER BY w.bm25 DESC, w.passage_id
"""  # noqa: S608 - put together from constants

# Each leg's candidates get the other leg's score too, so that fusion never has to guess one.
_HYBRID = """
WITH near AS MATERIALIZED ({near}), {score}
SELECT n.passage_id, n.document_id, n.knowledge_base_id, 1 - n.distance, coalesce(k.bm25, 0), coalesce(k.mass, 0), a.mass
FROM near n
CROSS JOIN asked a
LEFT JOIN rag_segment s
    ON s.tenant_id = %(tenant)s::uuid AND s.version_id = n.version_id AND n.passage_id = ANY (s.passages)
LEFT JOIN score k ON k.segment_id = s.id AND k.place = array_position(s.passages, n.passage_id) - 1
UNION ALL
SELECT w.passage_id, w.document_id, w.knowledge_base_id, 1 - (v.embedding <=> %(vector)s::halfvec), w.bm25, w.mass, a.mass
FROM worded w
CROSS JOIN asked a
JOIN rag_vector v
    ON v.tenant_id = %(tenant)s::uuid AND v.space_id = %(space)s::uuid AND v.passage_id = w.passage_id
WHERE NOT EXISTS (SELECT 1 FROM near n WHERE n.passage_id = w.passage_id)
"""


def dense(*, exact: bool, dimension: int) -> str:
    return _DENSE.format(near=_near(exact=exact, dimension=dimension))


def keyword() -> str:
    return _KEYWORD


def hybrid(*, exact: bool, dimension: int) -> str:
    return _HYBRID.format(near=_near(exact=exact, dimension=dimension), score=_SCORE)


def _near(*, exact: bool, dimension: int) -> str:
    return _EXACT if exact else _NEAREST.format(dimension=dimension, live=_LIVE)

"""Filling a database with the made-up corpus, through the index's own door. Needs Django set up on that database."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
from django.db import connection
from search_corpus import CLEARANCE, DIMENSION, READABLE_DEPARTMENTS, Corpus, TenantCorpus

from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Blob, Document, EmbeddingSpace, KnowledgeBase, Version
from controlplane.tenants.models import Department, Tenant
from rag.index import Entry, PassageIndex, Space, schema

MODEL = "use-multilingual-v3"
TABLES = "rag_vector, rag_segment, rag_posting, documents_document, documents_version"


@dataclass(frozen=True, slots=True)
class Loaded:
    """`first_passage`: the id of each tenant's first passage; ids count on from there. Rates in passages a second."""

    first_passage: dict[UUID, int]
    rate: float
    rate_with_hnsw: float
    hnsw_seconds: float


@contextmanager
def asking(tenant: TenantCorpus) -> Iterator[None]:
    """A transaction that sees what the asker of the benchmark may see: not all departments, nothing secret."""
    clearances = dict.fromkeys(tenant.departments[:READABLE_DEPARTMENTS], Secrecy(CLEARANCE))
    with scoped(Scope(tenant_id=tenant.tenant, clearances=clearances)):
        yield


def space_of(tenant: TenantCorpus) -> Space:
    return Space(id=tenant.space, model=MODEL, dimension=DIMENSION)


def load(*, owner: str, corpus: Corpus) -> Loaded:
    """Load without HNSW and build it after, as a bulk load is done; the third tenant finds it in place."""
    _execute(owner, schema.DROP_HNSW)
    first_passage: dict[UUID, int] = {}
    following = 1
    for tenant in corpus.tenants:
        first_passage[tenant.tenant] = following
        following += len(tenant.vectors)
        _add_rows(tenant)
    late = corpus.tenants[4:5]
    rate = _index(corpus, [one for one in corpus.tenants if one not in late], first_passage)
    started = time.perf_counter()
    _execute(owner, schema.CREATE_HNSW)
    hnsw_seconds = time.perf_counter() - started
    rate_with_hnsw = _index(corpus, late, first_passage)
    _execute(owner, f"VACUUM ANALYZE {TABLES}")
    return Loaded(first_passage, rate, rate_with_hnsw, hnsw_seconds)


def _execute(dsn: str, sql: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute(sql)


def _add_rows(tenant: TenantCorpus) -> None:
    id_ = tenant.tenant
    with scoped(Scope(tenant_id=id_, unrestricted=True, platform=True)):
        Tenant.objects.create(id=id_, slug=id_.hex, name=f"{tenant.share} %")
        Department.objects.bulk_create(
            Department(id=one, tenant_id=id_, slug=one.hex, name=one.hex) for one in tenant.departments
        )
        EmbeddingSpace.objects.create(
            id=tenant.space, tenant_id=id_, model=MODEL, version="bench", dimension=DIMENSION
        )
        KnowledgeBase.objects.bulk_create(
            KnowledgeBase(
                id=base, tenant_id=id_, name=base.hex, department_id=of, secrecy=0, space_id=tenant.space
            )
            for base, of in zip(tenant.bases, tenant.departments, strict=True)
        )
        _add_documents(tenant)


def _add_documents(tenant: TenantCorpus) -> None:
    id_ = tenant.tenant
    Document.objects.bulk_create(
        Document(
            id=one.id,
            tenant_id=id_,
            knowledge_base_id=tenant.bases[one.base],
            department_id=tenant.departments[one.base],
            secrecy=one.secrecy,
            filename=one.id.hex,
            title="bench",
            live_version=one.version,
        )
        for one in tenant.documents
    )
    blobs = [Blob(id=uuid4(), tenant_id=id_, sha256=one.id.hex, size=1, path="-") for one in tenant.documents]
    Blob.objects.bulk_create(blobs)
    Version.objects.bulk_create(
        Version(
            id=one.version,
            tenant_id=id_,
            document_id=one.id,
            number=1,
            blob=blob,
            format="txt",
            status="ready",
            chunks=one.passages,
        )
        for one, blob in zip(tenant.documents, blobs, strict=True)
    )


def _index(corpus: Corpus, tenants: Sequence[TenantCorpus], first_passage: dict[UUID, int]) -> float:
    seconds, passages = 0.0, 0
    for tenant in tenants:
        for document in tenant.documents:
            places = range(document.place, document.place + document.passages)
            entries = [
                Entry(
                    passage_id=first_passage[tenant.tenant] + place,
                    terms=corpus.terms(tenant.words[place]),
                    vector=tenant.vectors[place],
                )
                for place in places
            ]
            started = time.perf_counter()
            with tenant_scope(tenant.tenant), connection.cursor() as cursor:
                PassageIndex(cursor=cursor).add(
                    tenant_id=tenant.tenant,
                    space=space_of(tenant),
                    knowledge_base_id=tenant.bases[document.base],
                    document_id=document.id,
                    version_id=document.version,
                    entries=entries,
                )
            seconds += time.perf_counter() - started
            passages += len(entries)
    return passages / seconds

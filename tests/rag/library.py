"""A tenant's library for tests of the index: the control plane's rows by its models, the index by its own door."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Blob, Document, EmbeddingSpace, KnowledgeBase, Passage, Version
from controlplane.tenants.models import Department, Tenant
from rag.index import Entry, PassageIndex, Space
from rag.retrieval import Hit, Mode, Query, Retriever
from rag.text import index_terms

DIMENSION = 384


def unit(*components: float) -> NDArray[np.float32]:
    """A unit vector of 384 dimensions that begins with these components."""
    vector = np.zeros(DIMENSION, np.float32)
    vector[: len(components)] = components
    return vector / np.float32(np.linalg.norm(vector))


@dataclass
class Library:
    """One tenant with one department, one space of 384 dimensions and one knowledge base."""

    tenant: UUID = field(default_factory=uuid4)
    department: UUID = field(default_factory=uuid4)
    base: UUID = field(default_factory=uuid4)
    space: Space = field(default_factory=lambda: Space(uuid4(), "use-multilingual-v3", DIMENSION))

    def __post_init__(self) -> None:
        with scoped(Scope(tenant_id=self.tenant, unrestricted=True, platform=True)):
            Tenant.objects.create(id=self.tenant, slug=self.tenant.hex, name="t")
        with self.all_seen():
            self.add_department(self.department)
            self.add_space(self.space)
            self.add_base(self.base)

    @contextmanager
    def all_seen(self) -> Iterator[None]:
        with scoped(Scope(tenant_id=self.tenant, unrestricted=True)):
            yield

    @contextmanager
    def seen_by(self, *, departments: Sequence[UUID], clearance: Secrecy) -> Iterator[None]:
        with scoped(Scope(tenant_id=self.tenant, clearances=dict.fromkeys(departments, clearance))):
            yield

    def add_department(self, department: UUID) -> UUID:
        Department.objects.create(
            id=department, tenant_id=self.tenant, slug=department.hex, name=department.hex
        )
        return department

    def add_space(self, space: Space) -> Space:
        EmbeddingSpace.objects.create(
            id=space.id,
            tenant_id=self.tenant,
            model=space.model,
            version=space.id.hex,
            dimension=space.dimension,
        )
        return space

    def add_base(self, base: UUID, *, department: UUID | None = None) -> UUID:
        KnowledgeBase.objects.create(
            id=base,
            tenant_id=self.tenant,
            name=base.hex,
            department_id=department or self.department,
            secrecy=Secrecy.PUBLIC,
            space_id=self.space.id,
        )
        return base

    def add_document(
        self, *, base: UUID | None = None, department: UUID | None = None, secrecy: Secrecy = Secrecy.PUBLIC
    ) -> UUID:
        document = uuid4()
        Document.objects.create(
            id=document,
            tenant_id=self.tenant,
            knowledge_base_id=base or self.base,
            department_id=department or self.department,
            secrecy=secrecy,
            filename=document.hex,
            title="t",
        )
        return document

    def add_version(
        self, *, document: UUID, texts: Sequence[str], live: bool = True
    ) -> tuple[UUID, list[int]]:
        """The version and its passages' ids; not indexed yet."""
        blob = Blob.objects.create(tenant_id=self.tenant, sha256=uuid4().hex, size=1, path="p")
        number = Version.objects.filter(document_id=document).count() + 1
        version = Version.objects.create(
            tenant_id=self.tenant, document_id=document, number=number, blob=blob, format="txt"
        )
        passages = Passage.objects.bulk_create(
            Passage(tenant_id=self.tenant, document_id=document, version=version, ordinal=ordinal, text=text)
            for ordinal, text in enumerate(texts)
        )
        if live:
            self.make_live(document=document, version=version.id)
        return version.id, [passage.id for passage in passages]

    def make_live(self, *, document: UUID, version: UUID) -> None:
        Document.objects.filter(id=document).update(live_version=version)

    def index(
        self,
        *,
        document: UUID,
        version: UUID,
        passages: Mapping[int, tuple[str, NDArray[np.float32]]],
        base: UUID | None = None,
        space: Space | None = None,
    ) -> None:
        """`passages`: {id: (text, vector)}."""
        entries = [Entry(id_, index_terms(text=text), vector) for id_, (text, vector) in passages.items()]
        with connection.cursor() as cursor:
            PassageIndex(cursor=cursor).add(
                tenant_id=self.tenant,
                space=space or self.space,
                knowledge_base_id=base or self.base,
                document_id=document,
                version_id=version,
                entries=entries,
            )

    def store(
        self,
        texts: Mapping[str, NDArray[np.float32]],
        *,
        base: UUID | None = None,
        department: UUID | None = None,
        secrecy: Secrecy = Secrecy.PUBLIC,
    ) -> list[int]:
        """A new live document with these texts and their vectors, indexed. Its passages' ids."""
        document = self.add_document(base=base, department=department, secrecy=secrecy)
        version, ids = self.add_version(document=document, texts=list(texts))
        passages = dict(zip(ids, texts.items(), strict=True))
        self.index(document=document, version=version, passages=passages, base=base)
        return ids

    def search(
        self,
        text: str,
        *,
        vector: NDArray[np.float32] | None = None,
        mode: Mode = "hybrid",
        top_k: int = 10,
        bases: Sequence[UUID] | None = None,
        space: Space | None = None,
    ) -> list[Hit]:
        with connection.cursor() as cursor:
            return Retriever(cursor=cursor).search(
                tenant_id=self.tenant,
                space=space or self.space,
                knowledge_base_ids=[self.base] if bases is None else bases,
                query=Query(text=text, vector=vector, mode=mode, top_k=top_k),
            )

    def found(self, text: str, **how: object) -> list[int]:
        return [hit.passage_id for hit in self.search(text, **how)]  # type: ignore[arg-type]


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])

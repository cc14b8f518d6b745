"""Rows of the control plane's tables, for tests of the index: written in SQL, because `rag` knows no Django."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np
import psycopg
from rag.index import Entry, PassageIndex, Space
from rag.text import index_terms

PUBLIC, INTERNAL, CONFIDENTIAL, SECRET = range(4)


def unit(*components: float) -> np.ndarray:
    """A unit vector of 384 dimensions that begins with these components."""
    vector = np.zeros(384, np.float32)
    vector[: len(components)] = components
    return vector / np.linalg.norm(vector)


@dataclass
class Library:
    """One tenant with one department, one space of 384 dimensions and one knowledge base, seen with full rights."""

    connection: psycopg.Connection
    tenant: UUID = field(default_factory=uuid4)
    department: UUID = field(default_factory=uuid4)
    base: UUID = field(default_factory=uuid4)
    space: Space = field(default_factory=lambda: Space(id=uuid4(), model="use", dimension=384))

    def __post_init__(self) -> None:
        self.see_all()
        self._platform(True)
        self._run("INSERT INTO tenants_tenant (id, slug, name, created_at) VALUES (%s, %s, 't', now())", self.tenant, self.tenant.hex)
        self._platform(False)
        self.add_department(self.department)
        self.add_space(self.space)
        self.add_base(self.base)

    def _run(self, sql: str, *parameters: object) -> None:
        self.connection.execute(sql, parameters)

    def _platform(self, on: bool) -> None:
        self._run("SELECT set_config('app.platform', %s, true)", "on" if on else "")

    def see_all(self) -> None:
        """As the platform's own work inside the tenant does."""
        self._see(self.tenant, "on", "{}", SECRET)

    def see_as(self, *, departments: Sequence[UUID], clearance: int) -> None:
        self._see(self.tenant, "", "{" + ",".join(map(str, departments)) + "}", clearance)

    def _see(self, tenant: UUID, unrestricted: str, departments: str, clearance: int) -> None:
        self._run(
            "SELECT set_config('app.tenant_id', %s, true), set_config('app.unrestricted', %s, true),"
            " set_config('app.department_ids', %s, true), set_config('app.clearance', %s, true)",
            str(tenant), unrestricted, departments, str(clearance),
        )  # fmt: skip

    def add_department(self, department: UUID) -> UUID:
        self._run(
            "INSERT INTO tenants_department (id, tenant_id, slug, name, created_at) VALUES (%s, %s, %s, 'd', now())",
            department, self.tenant, department.hex,
        )  # fmt: skip
        return department

    def add_space(self, space: Space) -> Space:
        self._run(
            "INSERT INTO documents_embeddingspace (id, tenant_id, model, version, dimension, created_at)"
            " VALUES (%s, %s, %s, %s, %s, now())",
            space.id, self.tenant, space.model, space.id.hex, space.dimension,
        )  # fmt: skip
        return space

    def add_base(self, base: UUID, *, department: UUID | None = None) -> UUID:
        self._run(
            "INSERT INTO documents_knowledgebase (id, tenant_id, name, department_id, secrecy, space_id, created_at)"
            " VALUES (%s, %s, %s, %s, 0, %s, now())",
            base, self.tenant, base.hex, department or self.department, self.space.id,
        )  # fmt: skip
        return base

    def add_document(self, *, base: UUID | None = None, department: UUID | None = None, secrecy: int = PUBLIC) -> UUID:
        document = uuid4()
        self._run(
            "INSERT INTO documents_document (id, tenant_id, knowledge_base_id, department_id, secrecy, filename, title,"
            " metadata, latest_number, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, 't', %s, 0, now(), now())",
            document, self.tenant, base or self.base, department or self.department, secrecy, document.hex, json.dumps({}),
        )  # fmt: skip
        return document

    def add_version(self, *, document: UUID, texts: Sequence[str], live: bool = True) -> tuple[UUID, list[int]]:
        """The version and its passages' ids; not indexed yet."""
        blob, version = uuid4(), uuid4()
        self._run(
            "INSERT INTO documents_blob (id, tenant_id, sha256, size, path, created_at) VALUES (%s, %s, %s, 1, 'p', now())",
            blob, self.tenant, blob.hex,
        )  # fmt: skip
        self._run(
            "INSERT INTO documents_version (id, tenant_id, document_id, number, blob_id, format, status, error_code,"
            " error_params, chunks, created_at) SELECT %s, %s, %s, count(*) + 1, %s, 'txt', 'ready', '', '{}', %s, now()"
            " FROM documents_version WHERE document_id = %s",
            version, self.tenant, document, blob, len(texts), document,
        )  # fmt: skip
        rows = self.connection.execute(
            "INSERT INTO documents_passage (tenant_id, document_id, version_id, ordinal, text, section)"
            " SELECT %s, %s, %s, t.n, t.text, '' FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n)"
            " ORDER BY t.n RETURNING id",
            [self.tenant, document, version, list(texts)],
        ).fetchall()
        if live:
            self.make_live(document=document, version=version)
        return version, [row[0] for row in rows]

    def make_live(self, *, document: UUID, version: UUID) -> None:
        self._run("UPDATE documents_document SET live_version = %s WHERE id = %s", version, document)

    def index(
        self,
        *,
        document: UUID,
        version: UUID,
        passages: dict[int, tuple[str, np.ndarray]],
        base: UUID | None = None,
        space: Space | None = None,
    ) -> None:
        """`passages`: {id: (text, vector)}."""
        PassageIndex(cursor=self.connection.cursor()).add(
            tenant_id=self.tenant,
            space=space or self.space,
            knowledge_base_id=base or self.base,
            document_id=document,
            version_id=version,
            entries=[Entry(id_, index_terms(text=text), vector) for id_, (text, vector) in passages.items()],
        )

    def store(
        self,
        texts: dict[str, np.ndarray],
        *,
        base: UUID | None = None,
        department: UUID | None = None,
        secrecy: int = PUBLIC,
    ) -> list[int]:
        """A new live document with these texts and their vectors, indexed. Its passages' ids."""
        document = self.add_document(base=base, department=department, secrecy=secrecy)
        version, ids = self.add_version(document=document, texts=list(texts))
        self.index(document=document, version=version, passages=dict(zip(ids, texts.items(), strict=True)), base=base)
        return ids

    def count(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # type: ignore[index]

"""Uploading, and doing the jobs in the test's own process."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from rest_framework.test import APIClient

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import Document, IndexJob, JobStatus
from controlplane.documents.services import indexing, parsing
from tests.controlplane.organisations import Key, Organisation

API = "/api/v1"
TEXT = """\
# 信贷管理办法

## 第一章 总则

流动资金贷款的期限一般不超过三年。

## 第二章 审批

五百万元以上由分行行长审批。
"""


@dataclass(frozen=True, slots=True)
class Library:
    organisation: Organisation
    key: Key
    base: str

    @property
    def client(self) -> APIClient:
        return self.key.client

    @property
    def tenant_id(self) -> UUID:
        return self.organisation.tenant.pk

    def upload(
        self,
        content: str | bytes = TEXT,
        name: str = "办法.md",
        client: APIClient | None = None,
        **fields: str,
    ) -> HttpResponse:
        data = content.encode() if isinstance(content, str) else content
        body = {"file": SimpleUploadedFile(name, data), **fields}
        return (client or self.client).post(
            f"{API}/knowledge-bases/{self.base}/documents", body, format="multipart"
        )

    def document(self, id_: str) -> Any:
        response = self.client.get(f"{API}/documents/{id_}")
        assert response.status_code == 200, response.content
        return response.json()

    def indexed(self, content: str | bytes = TEXT, name: str = "办法.md", **fields: str) -> Any:
        """Uploaded and ready: the document as the API shows it."""
        response = self.upload(content, name, **fields)
        assert response.status_code == 202, response.content
        self.work()
        return self.document(response.json()["id"])

    def work(self) -> None:
        """Do what is queued, as the workers would."""
        while jobs := self._queued():
            for job_id in jobs:
                parsing.parse(tenant_id=self.tenant_id, job_id=job_id)
                indexing.index(tenant_id=self.tenant_id, job_id=job_id)

    def _queued(self) -> list[UUID]:
        with tenant_scope(self.tenant_id):
            queued = IndexJob.objects.filter(status=JobStatus.QUEUED, lease_until=None)
            return list(queued.order_by("pk").values_list("pk", flat=True))

    def traces(self) -> dict[str, int]:
        """How many rows of the tenant each table of documents holds."""
        tables = (
            "documents_document",
            "documents_version",
            "documents_indexjob",
            "documents_passage",
            "documents_blob",
            "rag_vector",
            "rag_segment",
            "rag_posting",
        )
        counts = {}
        with tenant_scope(self.tenant_id), connection.cursor() as cursor:
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", [self.tenant_id])
                counts[table] = cursor.fetchone()[0]
        return counts

    def row(self, id_: str) -> Document:
        with tenant_scope(self.tenant_id):
            return Document.objects.get(pk=id_)


def make_library(organisation: Organisation, clearance: Secrecy = Secrecy.CONFIDENTIAL) -> Library:
    key = organisation.key(organisation.finance, clearance=clearance)
    response = key.client.post(
        f"{API}/knowledge-bases", {"name": "Rules", "department": "finance"}, format="json"
    )
    assert response.status_code == 201, response.content
    return Library(organisation, key, response.json()["id"])

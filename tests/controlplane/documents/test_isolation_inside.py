"""Inside one tenant: what belongs to another department, or stands above the clearance, does not exist in raw SQL either."""

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import (
    Blob,
    Document,
    EmbeddingSpace,
    IndexJob,
    KnowledgeBase,
    Passage,
    Version,
)
from controlplane.tenants.models import Department
from tests.controlplane.organisations import Organisation

GUARDED = (
    "documents_knowledgebase",
    "documents_document",
    "documents_version",
    "documents_indexjob",
    "documents_passage",
)


def fill(organisation: Organisation, department: Department, secrecy: Secrecy) -> Document:
    """One row in each guarded table."""
    tenant = organisation.tenant
    with tenant_scope(tenant.pk):
        space, _ = EmbeddingSpace.objects.get_or_create(
            tenant=tenant, model="test", version="1", defaults={"dimension": 512}
        )
        blob, _ = Blob.objects.get_or_create(tenant=tenant, sha256="0" * 64, size=1, path="x")
        base = KnowledgeBase.objects.create(
            tenant=tenant, name=str(secrecy), department=department, secrecy=secrecy, space=space
        )
        document = Document.objects.create(
            tenant=tenant,
            knowledge_base=base,
            department=department,
            secrecy=secrecy,
            filename="a",
            title="a",
        )
        version = Version.objects.create(tenant=tenant, document=document, number=1, blob=blob, format="txt")
        IndexJob.objects.create(tenant=tenant, version=version, space=space)
        Passage.objects.create(tenant=tenant, document=document, version=version, ordinal=0, text="secret")
    return document


@pytest.fixture
def hidden(organisation: Organisation) -> list[Document]:
    """Of another department; above the clearance here; and within that clearance, but where it does not hold."""
    return [
        fill(organisation, organisation.energy, Secrecy.INTERNAL),
        fill(organisation, organisation.finance, Secrecy.CONFIDENTIAL),
        fill(organisation, organisation.energy, Secrecy.CONFIDENTIAL),
    ]


@pytest.fixture
def reader(organisation: Organisation) -> Scope:
    clearances = {organisation.finance.pk: Secrecy.INTERNAL, organisation.lending.pk: Secrecy.SECRET}
    return Scope(tenant_id=organisation.tenant.pk, actor="user:1", clearances=clearances, administers=True)


def rows(organisation: Organisation) -> Iterator[str]:
    with tenant_scope(organisation.tenant.pk), connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(f"SELECT t::text FROM {table} t ORDER BY 1")
            yield from (row[0] for row in cursor.fetchall())


def test_what_may_not_be_read_is_not_there(
    organisation: Organisation, hidden: list[Document], reader: Scope
) -> None:
    before = list(rows(organisation))
    assert len(before) == 3 * len(GUARDED)
    with scoped(reader), connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), table
            for attack in (f"UPDATE {table} SET tenant_id = tenant_id", f"DELETE FROM {table}"):
                cursor.execute(attack)
                assert cursor.rowcount == 0, attack
    assert list(rows(organisation)) == before


def test_what_may_be_read_is_there(organisation: Organisation, reader: Scope) -> None:
    """The control."""
    fill(organisation, organisation.finance, Secrecy.INTERNAL)
    fill(organisation, organisation.lending, Secrecy.SECRET)
    with scoped(reader), connection.cursor() as cursor:
        for table in GUARDED:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (2,), table


def attempt(statement: str, *parameters: UUID | str | int) -> int:
    with suppress(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.rowcount
    return -1


@pytest.mark.parametrize("table", ["documents_knowledgebase", "documents_document"])
def test_nothing_is_put_where_it_may_not_be_read(
    organisation: Organisation, reader: Scope, table: str
) -> None:
    """By an owner of the row either: into another department, or above one's own clearance."""
    fill(organisation, organisation.finance, Secrecy.INTERNAL)
    before = list(rows(organisation))
    with scoped(reader):
        assert attempt(f"UPDATE {table} SET department_id = %s", organisation.energy.pk) == -1
        assert attempt(f"UPDATE {table} SET secrecy = %s", int(Secrecy.SECRET)) == -1
    assert list(rows(organisation)) == before


def test_nothing_is_added_to_what_may_not_be_read(
    organisation: Organisation, hidden: list[Document], reader: Scope
) -> None:
    before = list(rows(organisation))
    with scoped(reader):
        for document in hidden:
            added = attempt(
                "INSERT INTO documents_passage (tenant_id, document_id, version_id, ordinal, text, section) "
                "VALUES (%s, %s, %s, 9, 'planted', '')",
                organisation.tenant.pk, document.pk, document.pk,
            )  # fmt: skip
            assert added == -1
    assert list(rows(organisation)) == before

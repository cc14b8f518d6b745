"""The terms of file names: see `documents.file_names`."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

from controlplane.core.rls import isolate, same_tenant
from controlplane.core.scope import platform_scope, tenant_scope

_BATCH = 2000
_INSERT = """
INSERT INTO documents_nameterm (tenant_id, term, document_id)
SELECT %s, t.term, t.document FROM unnest(%s::text[], %s::uuid[]) AS t (term, document) ON CONFLICT DO NOTHING
"""


def fill(apps: Any, schema_editor: Any) -> None:
    """Each tenant under its own sight: row-level security holds for the owner of the tables as well."""
    from controlplane.documents.file_names import name_terms

    with platform_scope():
        tenants = list(apps.get_model("tenants", "Tenant").objects.values_list("pk", flat=True))
    for tenant_id in tenants:
        with tenant_scope(tenant_id):
            names = apps.get_model("documents", "Document").objects.filter(tenant_id=tenant_id)
            rows: list[tuple[str, Any]] = []
            for document_id, filename in names.values_list("pk", "filename").iterator():
                rows += ((term, document_id) for term in name_terms(filename=filename))
                if len(rows) > _BATCH:
                    _insert(schema_editor, tenant_id, rows)
                    rows = []
            _insert(schema_editor, tenant_id, rows)


def _insert(schema_editor: Any, tenant_id: Any, rows: list[tuple[str, Any]]) -> None:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_INSERT, [tenant_id, [term for term, _ in rows], [document for _, document in rows]])


class Migration(migrations.Migration):
    dependencies = [("documents", "0008_console_indexes"), ("tenants", "0002_isolation")]
    operations = [
        migrations.CreateModel(
            name="NameTerm",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id", "term", "document_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("term", models.CharField(db_collation="C", max_length=32)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="documents.document",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "document"], name="documents_nameterm_document")],
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        isolate("documents_nameterm"),
        same_tenant("documents_nameterm", "document_id", "documents_document", deferred=False),
    ]

"""The tables of the index, which belong to `rag.index`: their SQL is there, their row-level security is here.

They have no policy on department and secrecy: a search joins them to documents_document, whose policy decides.
"""

from django.db import migrations

from controlplane.core.rls import isolate, same_tenant
from rag.index import schema

VERSION = "documents_version"
SPACE = "documents_embeddingspace"


class Migration(migrations.Migration):
    dependencies = [("documents", "0002_isolation")]
    operations = [
        migrations.RunSQL(schema.CREATE, schema.DROP),
        migrations.RunSQL(schema.CREATE_HNSW, migrations.RunSQL.noop),
        *(isolate(table) for table in schema.TABLES),
        same_tenant("rag_vector", "version_id", VERSION, deferred=False),
        same_tenant("rag_vector", "space_id", SPACE, deferred=False),
        same_tenant("rag_segment", "version_id", VERSION, deferred=False),
    ]

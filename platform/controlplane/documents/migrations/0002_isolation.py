"""Row-level security of documents: the tenant everywhere, department and secrecy wherever there is content to read."""

from django.db import migrations

from controlplane.core.rls import OWN_TENANT, READABLE, isolate, same_tenant

DEPARTMENT = "tenants_department"
BASE = "documents_knowledgebase"
DOCUMENT = "documents_document"
VERSION = "documents_version"
SPACE = "documents_embeddingspace"

# The document's own policy applies inside the sub-select: who may not read the document sees none of its parts. A scalar,
# not EXISTS: that the planner turns into a hash of every document of every tenant, built anew by each statement.
OF_READABLE_DOCUMENT = f"{OWN_TENANT} AND (SELECT d.id FROM documents_document d WHERE d.id = document_id) IS NOT NULL"
OF_READABLE_VERSION = f"{OWN_TENANT} AND (SELECT v.id FROM documents_version v WHERE v.id = version_id) IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("documents", "0001_documents"), ("tenants", "0002_isolation")]
    operations = [
        isolate(SPACE),
        isolate("documents_blob"),
        isolate(BASE, using=READABLE),
        isolate(DOCUMENT, using=READABLE),
        isolate(VERSION, using=OF_READABLE_DOCUMENT),
        isolate("documents_indexjob", using=OF_READABLE_VERSION),
        isolate("documents_passage", using=OF_READABLE_DOCUMENT),
        same_tenant(BASE, "department_id", DEPARTMENT, on_delete="RESTRICT"),
        same_tenant(BASE, "space_id", SPACE, on_delete="RESTRICT"),
        same_tenant(DOCUMENT, "knowledge_base_id", BASE),
        same_tenant(DOCUMENT, "department_id", DEPARTMENT, on_delete="RESTRICT"),
        same_tenant(VERSION, "document_id", DOCUMENT),
        same_tenant(VERSION, "blob_id", "documents_blob", on_delete="RESTRICT"),
        same_tenant("documents_indexjob", "version_id", VERSION),
        same_tenant("documents_indexjob", "space_id", SPACE),
        same_tenant("documents_passage", "version_id", VERSION, deferred=False),
        same_tenant("documents_passage", "document_id", DOCUMENT, deferred=False),
    ]

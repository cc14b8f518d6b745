"""Row-level security of assistants: those of the caller's departments."""

from django.db import migrations

from controlplane.core.rls import OF_DEPARTMENT, OWN_TENANT, isolate, same_tenant

OF_VISIBLE_ASSISTANT = f"{OWN_TENANT} AND EXISTS (SELECT 1 FROM assistants_assistant a WHERE a.id = assistant_id)"


class Migration(migrations.Migration):
    dependencies = [("assistants", "0001_assistants"), ("documents", "0002_isolation")]
    operations = [
        isolate("assistants_assistant", using=OF_DEPARTMENT),
        isolate("assistants_assistantknowledge", using=OF_VISIBLE_ASSISTANT),
        same_tenant("assistants_assistant", "department_id", "tenants_department", on_delete="RESTRICT"),
        same_tenant("assistants_assistantknowledge", "assistant_id", "assistants_assistant"),
        same_tenant("assistants_assistantknowledge", "knowledge_base_id", "documents_knowledgebase"),
    ]

"""The first version of the assistants there are: what they are now."""

from typing import Any

from django.db import connection, migrations

from controlplane.core.scope import platform_scope, tenant_scope

_FILL = """
INSERT INTO assistants_assistantversion (id, tenant_id, created_at, assistant_id, number, content, actor, note)
SELECT a.id, a.tenant_id, a.updated_at, a.id, a.version, jsonb_build_object(
        'name', a.name, 'instructions', a.instructions, 'route', a.route, 'top_k', a.top_k, 'greeting', a.greeting,
        'opening_questions', a.opening_questions, 'knowledge_bases', coalesce(
            (SELECT jsonb_agg(k.knowledge_base_id ORDER BY k.created_at, k.id) FROM assistants_assistantknowledge k
             WHERE k.tenant_id = a.tenant_id AND k.assistant_id = a.id), '[]')
    ), 'system', ''
FROM assistants_assistant a WHERE a.tenant_id = %s ON CONFLICT DO NOTHING
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with platform_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        with tenant_scope(tenant_id), connection.cursor() as cursor:
            cursor.execute(_FILL, [tenant_id])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("assistants", "0004_access_policies")]
    # Backwards there is nothing to do: the table itself goes.
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]

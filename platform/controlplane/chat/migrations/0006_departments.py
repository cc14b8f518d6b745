"""The department and the searched text of the conversations there are.

In batches, each a transaction of its own: people go on asking meanwhile. A batch that is repeated changes nothing.
"""

from typing import Any
from uuid import UUID

from django.db import connection, migrations

from controlplane.core.scope import platform_scope, tenant_scope

BATCH = 1000
_NEXT = "SELECT id FROM chat_conversation WHERE tenant_id = %s AND id > %s ORDER BY id LIMIT %s"
_FILL = """
UPDATE chat_conversation c SET
    department_id = coalesce(
        c.department_id,
        (SELECT a.department_id FROM assistants_assistant a WHERE a.tenant_id = c.tenant_id AND a.id = c.assistant_id)
    ),
    searched = CASE WHEN c.searched <> '' THEN c.searched ELSE left(
        {title} || E'\\n' || coalesce(
            (SELECT string_agg({question}, E'\\n' ORDER BY m.id) FROM chat_message m
             WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.role = 'question'), ''),
        20000) END
WHERE c.tenant_id = %s AND c.id = ANY (%s)
"""
_SPELLING = "btrim(regexp_replace(lower(normalize({}, NFKC)), '\\s+', ' ', 'g'))"
_SPELT = {"title": _SPELLING.format("c.title"), "question": _SPELLING.format("left(m.content, 1000)")}


def fill(apps: Any, schema_editor: Any) -> None:
    with platform_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant")
        tenants = [row[0] for row in cursor.fetchall()]
    for tenant_id in tenants:
        last: UUID | None = UUID(int=0)
        while last is not None:
            last = _batch(tenant_id, last)


def _batch(tenant_id: UUID, after: UUID) -> UUID | None:
    """The last conversation that was filled; None when there are no more."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(_NEXT, [tenant_id, after, BATCH])
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            cursor.execute(_FILL.format(**_SPELT), [tenant_id, ids])
    return ids[-1] if ids else None


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("chat", "0005_reviewers"), ("assistants", "0002_isolation"), ("tenants", "0002_isolation")]
    # Backwards there is nothing to do: the columns themselves go.
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]

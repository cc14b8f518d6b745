"""Row-level security of versions and grants; a grant shows the assistant, with its list of bases, to who may ask it."""

from django.db import migrations

from controlplane.core.rls import (
    BELONGS,
    OF_DEPARTMENT,
    OWN_TENANT,
    UNRESTRICTED,
    USER,
    cleared_for,
    force_rls,
    same_tenant,
)

KNOWLEDGE = "assistants_assistantknowledge"
ACCESS = "assistants_assistantaccess"
VERSION = "assistants_assistantversion"

# Neither policy of a grant asks the assistants: theirs asks the grants, and the two would go in a circle.
OWNING = f"{OWN_TENANT} AND ({UNRESTRICTED} OR {cleared_for(0, 'owning_department_id')})"
MINE = f"department_id = ANY ({BELONGS}) OR user_id = {USER}"
GRANTS = {
    "visible": f"FOR SELECT USING ({OWNING} OR ({OWN_TENANT} AND ({MINE})))",
    "granted": f"FOR INSERT WITH CHECK ({OWNING})",
    "changed": f"FOR UPDATE USING ({OWNING}) WITH CHECK ({OWNING})",
    "taken_back": f"FOR DELETE USING ({OWNING})",
}
GRANTED = (
    f"{OWN_TENANT} AND (SELECT true FROM {ACCESS} x WHERE x.tenant_id = assistants_assistant.tenant_id "
    f"AND x.assistant_id = assistants_assistant.id AND (x.department_id = ANY ({BELONGS}) OR x.user_id = {USER}) LIMIT 1)"
)
VISIBLE = (
    f"{OWN_TENANT} AND (SELECT a.id FROM assistants_assistant a WHERE a.id = assistant_id) IS NOT NULL"  # noqa: S608 - constants
)
# Not everybody who may ask an assistant reads its department: what is behind it is that department's.
OF_DEPARTMENTS_ASSISTANT = (
    f"{OWN_TENANT} AND (SELECT a.id FROM assistants_assistant a WHERE a.id = assistant_id AND ({OF_DEPARTMENT})) IS NOT NULL"  # noqa: S608
)
VERSIONS = {
    "visible": f"FOR SELECT USING ({OF_DEPARTMENTS_ASSISTANT})",
    "written": f"FOR INSERT WITH CHECK ({OF_DEPARTMENTS_ASSISTANT})",
}


class Migration(migrations.Migration):
    dependencies = [("assistants", "0003_versions_and_access"), ("identity", "0003_isolation")]
    operations = [
        force_rls(ACCESS, GRANTS),
        same_tenant(ACCESS, "department_id", "tenants_department"),
        migrations.RunSQL(
            f"ALTER TABLE {ACCESS} ADD CONSTRAINT {ACCESS}_of_assistant "
            "FOREIGN KEY (tenant_id, assistant_id, owning_department_id) "
            "REFERENCES assistants_assistant (tenant_id, id, department_id) "
            "ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED",
            f"ALTER TABLE {ACCESS} DROP CONSTRAINT {ACCESS}_of_assistant",
        ),
        migrations.RunSQL(
            f"CREATE POLICY may_ask ON assistants_assistant FOR SELECT USING ({GRANTED})",
            "DROP POLICY may_ask ON assistants_assistant",
        ),
        migrations.RunSQL(
            [
                f"DROP POLICY tenant_isolation ON {KNOWLEDGE}",
                f"CREATE POLICY tenant_isolation ON {KNOWLEDGE} "
                f"USING ({OF_DEPARTMENTS_ASSISTANT}) WITH CHECK ({OF_DEPARTMENTS_ASSISTANT})",
                f"CREATE POLICY may_ask ON {KNOWLEDGE} FOR SELECT USING ({VISIBLE})",
            ],
            [
                f"DROP POLICY may_ask ON {KNOWLEDGE}",
                f"DROP POLICY tenant_isolation ON {KNOWLEDGE}",
                f"CREATE POLICY tenant_isolation ON {KNOWLEDGE} USING ({VISIBLE}) WITH CHECK ({VISIBLE})",
            ],
        ),
        force_rls(VERSION, VERSIONS),
        same_tenant(VERSION, "assistant_id", "assistants_assistant"),
        migrations.RunSQL(
            f"REVOKE UPDATE, DELETE ON {VERSION} FROM karez_app",
            f"GRANT UPDATE, DELETE ON {VERSION} TO karez_app",
        ),
    ]

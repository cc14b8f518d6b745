"""Keys are made and ended by who administers; a key notes its own use; nobody changes what a key may do."""

from django.db import migrations

from controlplane.core.rls import ACTOR, ADMINISTERS, OWN_TENANT, UNRESTRICTED

TABLE = "identity_apikey"
ADMINISTERED = f"{OWN_TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED})"
OWN_USE = f"{OWN_TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED} OR {ACTOR} = 'key:' || id::text)"
POLICIES = {
    "visible": f"FOR SELECT USING ({OWN_TENANT})",
    "created": f"FOR INSERT WITH CHECK ({ADMINISTERED})",
    "changed": f"FOR UPDATE USING ({OWN_USE}) WITH CHECK ({OWN_USE})",
    "removed": f"FOR DELETE USING ({ADMINISTERED})",
}
CHANGEABLE = "revoked_at, last_used_at"


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_list_indexes")]
    operations = [
        migrations.RunSQL(
            [
                f"DROP POLICY tenant_isolation ON {TABLE}",
                *(f"CREATE POLICY {name} ON {TABLE} {clause}" for name, clause in POLICIES.items()),
                f"REVOKE UPDATE ON {TABLE} FROM karez_app",
                f"GRANT UPDATE ({CHANGEABLE}) ON {TABLE} TO karez_app",
            ],
            [
                f"REVOKE UPDATE ({CHANGEABLE}) ON {TABLE} FROM karez_app",
                f"GRANT UPDATE ON {TABLE} TO karez_app",
                *(f"DROP POLICY {name} ON {TABLE}" for name in POLICIES),
                f"CREATE POLICY tenant_isolation ON {TABLE} USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})",
            ],
        )
    ]

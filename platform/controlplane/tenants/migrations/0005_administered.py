"""Departments and the tenant itself are changed by who administers, as memberships are."""

from django.db import migrations

from controlplane.core.rls import ADMINISTERS, OWN_TENANT, PLATFORM, TENANT, UNRESTRICTED

TABLE = "tenants_department"
ADMINISTERED = f"{OWN_TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED})"
POLICIES = {
    "visible": f"FOR SELECT USING ({OWN_TENANT})",
    "created": f"FOR INSERT WITH CHECK ({ADMINISTERED})",
    "changed": f"FOR UPDATE USING ({ADMINISTERED}) WITH CHECK ({ADMINISTERED})",
    "removed": f"FOR DELETE USING ({ADMINISTERED})",
}
OWN = f"id = {TENANT} AND ({ADMINISTERS} OR {UNRESTRICTED}) OR {PLATFORM}"
ANY_MEMBER = f"id = {TENANT} OR {PLATFORM}"


class Migration(migrations.Migration):
    dependencies = [("tenants", "0004_read_only_tables")]
    operations = [
        migrations.RunSQL(
            [
                f"DROP POLICY tenant_isolation ON {TABLE}",
                *(f"CREATE POLICY {name} ON {TABLE} {clause}" for name, clause in POLICIES.items()),
                "DROP POLICY platform_or_own_changes ON tenants_tenant",
                f"CREATE POLICY changed ON tenants_tenant FOR UPDATE USING ({OWN}) WITH CHECK ({OWN})",
            ],
            [
                "DROP POLICY changed ON tenants_tenant",
                "CREATE POLICY platform_or_own_changes ON tenants_tenant "
                f"FOR UPDATE USING ({ANY_MEMBER}) WITH CHECK ({ANY_MEMBER})",
                *(f"DROP POLICY {name} ON {TABLE}" for name in POLICIES),
                f"CREATE POLICY tenant_isolation ON {TABLE} USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})",
            ],
        )
    ]

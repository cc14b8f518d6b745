"""Limits are read by administrators, and written by them for departments alone: the tenant's own are the platform's to set.

Gateways keep them in memory and hear of every change.
"""

from django.db import migrations

from controlplane.core.rls import ADMINISTERS, OWN_TENANT, UNRESTRICTED, force_rls, same_tenant

TABLE = "metering_usagelimit"
OF_DEPARTMENTS = f"{OWN_TENANT} AND department_id IS NOT NULL AND {ADMINISTERS}"
BY_THE_PLATFORM = f"{OWN_TENANT} AND {UNRESTRICTED}"
FUNCTION = """
CREATE FUNCTION metering_limits_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('karez_limits', '');
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("metering", "0008_limits"), ("tenants", "0002_isolation")]
    operations = [
        force_rls(
            TABLE,
            {
                "platform_work": f"USING ({BY_THE_PLATFORM}) WITH CHECK ({BY_THE_PLATFORM})",
                "administrators_read": f"FOR SELECT USING ({OWN_TENANT} AND {ADMINISTERS})",
                "administrators_write": f"USING ({OF_DEPARTMENTS}) WITH CHECK ({OF_DEPARTMENTS})",
            },
        ),
        same_tenant(TABLE, "department_id", "tenants_department"),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION metering_limits_changed()"),
        migrations.RunSQL(
            f"CREATE TRIGGER {TABLE}_changed AFTER INSERT OR UPDATE OR DELETE ON {TABLE} "
            "FOR EACH STATEMENT EXECUTE FUNCTION metering_limits_changed()",
            f"DROP TRIGGER {TABLE}_changed ON {TABLE}",
        ),
    ]

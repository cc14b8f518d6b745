"""The ledger is written by the platform's own work, read by departments' reviewers, and changed by nobody.

But for its department: one that is dissolved leaves its entries to the one above.
"""

from django.db import migrations

from controlplane.core.rls import OWN_TENANT, REVIEWED, UNRESTRICTED, force_rls

TABLE = "metering_ledgerentry"
BY_THE_PLATFORM = f"{OWN_TENANT} AND {UNRESTRICTED}"


class Migration(migrations.Migration):
    dependencies = [("metering", "0003_ledger")]
    operations = [
        force_rls(
            TABLE,
            {
                "platform_work": f"USING ({BY_THE_PLATFORM}) WITH CHECK ({BY_THE_PLATFORM})",
                "reviewers_read": f"FOR SELECT USING ({REVIEWED})",
            },
        ),
        migrations.RunSQL(
            [
                f"REVOKE UPDATE, DELETE ON {TABLE} FROM karez_app",
                f"GRANT UPDATE (department_id) ON {TABLE} TO karez_app",
            ],
            [
                f"REVOKE UPDATE (department_id) ON {TABLE} FROM karez_app",
                f"GRANT UPDATE, DELETE ON {TABLE} TO karez_app",
            ],
        ),
    ]

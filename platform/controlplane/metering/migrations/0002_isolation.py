"""Row-level security of usage: by department, as the conversations that are counted. Only the platform's own work writes it."""

from django.db import migrations

from controlplane.core.rls import OWN_TENANT, REVIEWED, UNRESTRICTED, force_rls, isolate, same_tenant

WRITTEN_BY_THE_PLATFORM = f"{OWN_TENANT} AND {UNRESTRICTED}"


class Migration(migrations.Migration):
    dependencies = [("metering", "0001_hourly_usage"), ("tenants", "0002_isolation")]
    operations = [
        force_rls(
            "metering_hourlyusage",
            {
                "platform_work": f"USING ({WRITTEN_BY_THE_PLATFORM}) WITH CHECK ({WRITTEN_BY_THE_PLATFORM})",
                "reviewers_read": f"FOR SELECT USING ({REVIEWED})",
            },
        ),
        isolate("metering_usageprogress"),
        same_tenant("metering_hourlyusage", "department_id", "tenants_department"),
    ]

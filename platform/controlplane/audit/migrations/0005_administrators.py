"""The trail is read by who administers something and by the platform's own work; everybody writes it."""

from django.db import migrations

from controlplane.core.rls import ADMINISTERS, TENANT, UNRESTRICTED

OWN = f"tenant_id = {TENANT}"


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_search_indexes")]
    operations = [
        migrations.RunSQL(
            f"ALTER POLICY tenant_read ON audit_auditevent USING ({OWN} AND ({ADMINISTERS} OR {UNRESTRICTED}))",
            f"ALTER POLICY tenant_read ON audit_auditevent USING ({OWN})",
        ),
    ]

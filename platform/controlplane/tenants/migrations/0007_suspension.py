"""Suspending an organisation is the platform's: its own administrators change its name, and this they do not."""

from django.db import migrations, models

GUARD = """
CREATE FUNCTION tenants_suspension_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('app.platform', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'only the platform suspends an organisation' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER tenants_suspension_guard BEFORE UPDATE ON tenants_tenant FOR EACH ROW
WHEN (OLD.suspended_at IS DISTINCT FROM NEW.suspended_at OR OLD.suspension_reason IS DISTINCT FROM NEW.suspension_reason)
EXECUTE FUNCTION tenants_suspension_guard()
"""


class Migration(migrations.Migration):
    dependencies = [("tenants", "0006_brands")]
    operations = [
        migrations.AddField("tenant", "suspended_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "tenant",
            "suspension_reason",
            models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.RunSQL(GUARD, "DROP FUNCTION tenants_suspension_guard()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER tenants_suspension_guard ON tenants_tenant"),
    ]

"""Who keeps keys in memory hears of every change: of keys, and of the departments and organisations that they act for.

By statement, with no word on what changed: such changes are rare, and reading everything anew cannot go wrong.
"""

from django.db import migrations

WATCHED = {
    "identity_apikey": "INSERT OR DELETE OR UPDATE OF revoked_at, expires_at, scopes, department_id, clearance, name",
    "tenants_department": "INSERT OR DELETE OR UPDATE",
    "tenants_tenant": "DELETE OR UPDATE",
}
FUNCTION = """
CREATE FUNCTION identity_credentials_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('karez_credentials', '');
    RETURN NULL;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0007_idempotency_without_tenant"),
        ("tenants", "0007_suspension"),
    ]
    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION identity_credentials_changed()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {table}_credentials AFTER {events} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION identity_credentials_changed()",
                f"DROP TRIGGER {table}_credentials ON {table}",
            )
            for table, events in WATCHED.items()
        ),
    ]

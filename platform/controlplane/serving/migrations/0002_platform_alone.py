"""The platform alone reads and writes the registry, and every process hears of what changes in it.

By statement and without a word, as credentials do: such changes are rare, and reading the registry anew cannot go wrong. Of what the
watch sees only a change of state is told so; loads come as a notice of their own.
"""

from django.db import migrations

from controlplane.core.rls import PLATFORM, force_rls

POLICY = {"platform_alone": f"USING ({PLATFORM}) WITH CHECK ({PLATFORM})"}
FUNCTION = """
CREATE FUNCTION serving_engines_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_notify('karez_engines', '');
    RETURN NULL;
END $$
"""
EVENTS = "INSERT OR UPDATE OR DELETE"
STATE = """
CREATE TRIGGER serving_replicahealth_state AFTER UPDATE OF state, reason_code ON serving_replicahealth FOR EACH ROW
WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.reason_code IS DISTINCT FROM NEW.reason_code)
EXECUTE FUNCTION serving_engines_changed()
"""
ROWS = """
CREATE TRIGGER serving_replicahealth_rows AFTER INSERT OR DELETE ON serving_replicahealth
FOR EACH STATEMENT EXECUTE FUNCTION serving_engines_changed()
"""


class Migration(migrations.Migration):
    dependencies = [("serving", "0001_registry")]
    operations = [
        *(
            force_rls(table, POLICY)
            for table in ("serving_modeldeployment", "serving_replica", "serving_replicahealth")
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION serving_engines_changed()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER {table}_engines AFTER {EVENTS} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION serving_engines_changed()",
                f"DROP TRIGGER {table}_engines ON {table}",
            )
            for table in ("serving_modeldeployment", "serving_replica")
        ),
        migrations.RunSQL(STATE, "DROP TRIGGER serving_replicahealth_state ON serving_replicahealth"),
        migrations.RunSQL(ROWS, "DROP TRIGGER serving_replicahealth_rows ON serving_replicahealth"),
    ]

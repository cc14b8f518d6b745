"""The event table, the head of each tenant's chain, the trigger that links them, and the rights that keep it append-only."""

from django.db import migrations, models

from controlplane.core.rls import ACTOR, TENANT, UNRESTRICTED, force_rls

HEAD = """
CREATE TABLE audit_head (
    tenant_id uuid PRIMARY KEY,
    sequence bigint NOT NULL,
    hash varchar(64) NOT NULL
)
"""

# One row per tenant is locked until the writing transaction ends: the chain has one order, that of the commits.
# The fields are joined by a unit separator, which jsonb escapes and which no other field may contain.
LINK = """
CREATE FUNCTION audit_link() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head public.audit_head;
BEGIN
    INSERT INTO public.audit_head AS h (tenant_id, sequence, hash) VALUES (NEW.tenant_id, 1, repeat('0', 64))
        ON CONFLICT (tenant_id) DO UPDATE SET sequence = h.sequence + 1
        RETURNING * INTO head;
    NEW.sequence := head.sequence;
    NEW.at := clock_timestamp();
    NEW.previous_hash := head.hash;
    NEW.hash := encode(sha256(convert_to(concat_ws(E'\\x1f',
        NEW.previous_hash, NEW.tenant_id::text, NEW.sequence::text,
        to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        NEW.actor, NEW.action, NEW.target, NEW.data::text), 'UTF8')), 'hex');
    UPDATE public.audit_head SET hash = NEW.hash WHERE tenant_id = NEW.tenant_id;
    RETURN NEW;
END $$
"""

# No field that is joined with others may hold the separator: one event could be told as another with the same hash.
NO_SEPARATOR = """
ALTER TABLE audit_auditevent ADD CONSTRAINT audit_event_no_separator
    CHECK (strpos(actor, E'\\x1f') = 0 AND strpos(action, E'\\x1f') = 0 AND strpos(target, E'\\x1f') = 0)
"""

# A database without the role has not been prepared, and would end up with a trail that anybody may rewrite.
RIGHTS = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'karez_app') THEN
        RAISE EXCEPTION 'the role karez_app does not exist'
            USING HINT = 'Create the roles karez_owner and karez_app first, and migrate as karez_owner.';
    END IF;
    REVOKE ALL ON audit_auditevent, audit_head FROM karez_app;
    GRANT SELECT, INSERT (tenant_id, actor, action, target, data) ON audit_auditevent TO karez_app;
    GRANT SELECT ON audit_head TO karez_app;
    REVOKE ALL ON FUNCTION audit_link() FROM PUBLIC, karez_app;
END $$
"""

# Nobody speaks for another: the actor is the transaction's own, except for the platform's own work.
READ_AND_APPEND = {
    "tenant_read": f"FOR SELECT USING (tenant_id = {TENANT})",
    "tenant_append": f"FOR INSERT WITH CHECK (tenant_id = {TENANT} AND (actor = {ACTOR} OR {UNRESTRICTED}))",
}


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("sequence", models.BigIntegerField(editable=False)),
                ("at", models.DateTimeField(editable=False)),
                ("actor", models.CharField(max_length=64)),
                ("action", models.CharField(max_length=64)),
                ("target", models.CharField(blank=True, max_length=128)),
                ("data", models.JSONField(default=dict)),
                ("previous_hash", models.CharField(editable=False, max_length=64)),
                ("hash", models.CharField(editable=False, max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("tenant_id", "sequence"), name="audit_event_sequence")
                ],
                "indexes": [
                    models.Index(fields=["tenant_id", "-id"], name="audit_event_newest"),
                    models.Index(fields=["tenant_id", "action", "-id"], name="audit_event_action"),
                ],
            },
        ),
        migrations.RunSQL(NO_SEPARATOR, "ALTER TABLE audit_auditevent DROP CONSTRAINT audit_event_no_separator"),
        migrations.RunSQL(HEAD, "DROP TABLE audit_head"),
        force_rls("audit_auditevent", READ_AND_APPEND),
        force_rls("audit_head", {"tenant_isolation": f"USING (tenant_id = {TENANT}) WITH CHECK (tenant_id = {TENANT})"}),
        migrations.RunSQL(LINK, "DROP FUNCTION audit_link()"),
        migrations.RunSQL(
            "CREATE TRIGGER audit_link BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION audit_link()",
            "DROP TRIGGER audit_link ON audit_auditevent",
        ),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]

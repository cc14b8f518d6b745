"""Requests that concern no tenant may be repeated too: their records belong to who sent them."""

import django.db.models.deletion
from django.db import migrations, models

from controlplane.core.rls import ACTOR, OWN_TENANT, PLATFORM

TABLE = "identity_idempotencyrecord"
OWN = f"{OWN_TENANT} OR (tenant_id IS NULL AND (actor = {ACTOR} OR {PLATFORM}))"


class Migration(migrations.Migration):
    dependencies = [("identity", "0006_key_rights")]
    operations = [
        migrations.AlterField(
            model_name="idempotencyrecord",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.RemoveConstraint(model_name="idempotencyrecord", name="identity_idempotency_key"),
        migrations.AddConstraint(
            model_name="idempotencyrecord",
            constraint=models.UniqueConstraint(
                fields=("tenant", "actor", "key"), name="identity_idempotency_key", nulls_distinct=False
            ),
        ),
        migrations.RunSQL(
            [
                f"DROP POLICY tenant_isolation ON {TABLE}",
                f"CREATE POLICY tenant_isolation ON {TABLE} USING ({OWN}) WITH CHECK ({OWN})",
            ],
            [
                f"DELETE FROM {TABLE} WHERE tenant_id IS NULL",
                f"DROP POLICY tenant_isolation ON {TABLE}",
                f"CREATE POLICY tenant_isolation ON {TABLE} USING ({OWN_TENANT}) WITH CHECK ({OWN_TENANT})",
            ],
        ),
    ]

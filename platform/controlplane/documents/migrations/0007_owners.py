"""Files of a conversation: knowledge bases, and documents in them, that only the one who attached them sees."""

from django.db import migrations, models

from controlplane.core.rls import READABLE, READABLE_TO_OWNER

TABLES = ("documents_knowledgebase", "documents_document")


def _alter(table: str, using: str) -> str:
    return f"ALTER POLICY tenant_isolation ON {table} USING ({using}) WITH CHECK ({using})"


class Migration(migrations.Migration):
    dependencies = [("documents", "0006_waits")]
    operations = [
        # Defaults in the database too: the former version goes on writing during an upgrade.
        migrations.AddField(
            model_name="knowledgebase",
            name="owner",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(model_name="knowledgebase", name="conversation", field=models.UUIDField(null=True)),
        migrations.AddField(
            model_name="document",
            name="owner",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        # Of hundreds of rows: built within the transaction.
        migrations.AddConstraint(
            model_name="knowledgebase",
            constraint=models.UniqueConstraint(fields=("tenant", "conversation"), name="documents_kb_conversation"),
        ),
        migrations.RunSQL(
            [_alter(table, READABLE_TO_OWNER) for table in TABLES], [_alter(table, READABLE) for table in TABLES]
        ),
    ]

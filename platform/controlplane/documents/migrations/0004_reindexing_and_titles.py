"""The space a re-index fills, a document's own secrecy, and what parsing finds out about a version."""

import django.db.models.deletion
from django.db import migrations, models

from controlplane.core.rls import same_tenant

SECRECY = [(0, "public"), (1, "internal"), (2, "confidential"), (3, "secret")]


class Migration(migrations.Migration):
    dependencies = [("documents", "0003_index")]
    operations = [
        migrations.AddField(
            model_name="knowledgebase",
            name="next_space",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="documents.embeddingspace",
            ),
        ),
        migrations.AddField(
            model_name="document",
            name="own_secrecy",
            field=models.SmallIntegerField(choices=SECRECY, null=True),
        ),
        migrations.AddField(
            model_name="version",
            name="title",
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name="version",
            name="warnings",
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name="indexjob",
            name="kind",
            field=models.CharField(
                choices=[("index", "indexing"), ("reindex", "indexing with another model")],
                default="index",
                max_length=8,
            ),
        ),
        same_tenant("documents_knowledgebase", "next_space_id", "documents_embeddingspace", on_delete="RESTRICT"),
    ]

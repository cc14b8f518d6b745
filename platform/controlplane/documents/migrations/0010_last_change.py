"""When a document of a base was changed last."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the table stays writable while the index is built
    dependencies = [("documents", "0009_file_names")]
    operations = [
        AddIndexConcurrently(
            "document",
            models.Index(fields=["tenant", "knowledge_base", "-updated_at"], name="documents_document_changed"),
        ),
    ]

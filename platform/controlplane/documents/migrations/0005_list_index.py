"""Jobs are listed newest first."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the tables stay writable while the index is built
    dependencies = [("documents", "0004_reindexing_and_titles")]
    operations = [
        AddIndexConcurrently(
            "indexjob", models.Index(fields=["tenant", "-id"], name="documents_job_newest")
        ),
    ]

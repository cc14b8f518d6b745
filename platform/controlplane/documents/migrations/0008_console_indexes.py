"""What an overview and the list of bases count: documents, those that are not ready, and jobs that failed lately."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the tables stay writable while the indexes are built
    dependencies = [("documents", "0007_owners")]
    operations = [
        AddIndexConcurrently(
            "document",
            models.Index(
                fields=["tenant", "knowledge_base", "owner", "department", "secrecy"],
                name="documents_document_counts",
            ),
        ),
        AddIndexConcurrently(
            "indexjob",
            models.Index(
                condition=models.Q(("status", "failed")),
                fields=["tenant", "finished_at"],
                name="documents_job_failed",
            ),
        ),
        AddIndexConcurrently(
            "version",
            models.Index(
                condition=models.Q(("status", "ready"), _negated=True),
                fields=["tenant", "status", "-id"],
                name="documents_version_not_ready",
            ),
        ),
    ]

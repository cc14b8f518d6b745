"""What the trail is filtered by, each newest first."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # events are written while the indexes are built
    dependencies = [("audit", "0003_conversation")]
    operations = [
        AddIndexConcurrently(
            "auditevent", models.Index(fields=["tenant_id", "actor", "-sequence"], name="audit_event_of_actor")
        ),
        AddIndexConcurrently(
            "auditevent", models.Index(fields=["tenant_id", "target", "-sequence"], name="audit_event_of_target")
        ),
        AddIndexConcurrently(
            "auditevent", models.Index(fields=["tenant_id", "at", "sequence"], name="audit_event_at")
        ),
        AddIndexConcurrently(
            "auditevent",
            models.Index(
                condition=models.Q(("conversation__isnull", False)),
                fields=["tenant_id", "conversation", "-sequence"],
                name="audit_event_of_conversation",
            ),
        ),
    ]

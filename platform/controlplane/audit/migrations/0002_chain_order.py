"""The trail is listed in the order of its chain, which the unique index of the sequence already has."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # events are written while the index is built
    dependencies = [("audit", "0001_initial")]
    operations = [
        AddIndexConcurrently(
            "auditevent", models.Index(fields=["tenant_id", "action", "-sequence"], name="audit_event_of_action")
        ),
        RemoveIndexConcurrently("auditevent", "audit_event_action"),
        RemoveIndexConcurrently("auditevent", "audit_event_newest"),
    ]

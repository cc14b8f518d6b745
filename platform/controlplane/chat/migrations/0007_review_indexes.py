"""Conversations are listed newest first: one person's, a department's, a tenant's; unanswered questions are looked for."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the tables stay writable while the indexes are built
    dependencies = [("chat", "0006_departments")]
    operations = [
        AddIndexConcurrently(
            "conversation", models.Index(fields=["tenant", "actor", "-id"], name="chat_conversation_of_actor")
        ),
        AddIndexConcurrently(
            "conversation", models.Index(fields=["tenant", "department", "-id"], name="chat_conversation_reviewed")
        ),
        AddIndexConcurrently(
            "conversation", models.Index(fields=["tenant", "-id"], name="chat_conversation_newest")
        ),
        AddIndexConcurrently(
            "message",
            models.Index(
                condition=models.Q(("role", "question"), models.Q(("status", "answered"), _negated=True)),
                fields=["tenant", "status", "conversation"],
                name="chat_message_unanswered",
            ),
        ),
    ]

"""The files of a conversation cannot outlive it: `documents` is below `chat` and does not know its table, hence here."""

from django.db import migrations

from controlplane.core.rls import same_tenant


class Migration(migrations.Migration):
    dependencies = [("chat", "0007_review_indexes"), ("documents", "0007_owners")]
    operations = [same_tenant("documents_knowledgebase", "conversation", "chat_conversation")]

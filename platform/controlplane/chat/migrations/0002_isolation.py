"""Row-level security of conversations: each belongs to the one who asked."""

from django.db import migrations

from controlplane.core.rls import ACTOR, OWN_TENANT, UNRESTRICTED, isolate, same_tenant

OWN_CONVERSATION = f"{OWN_TENANT} AND ({UNRESTRICTED} OR actor = {ACTOR})"
# Scalars, not EXISTS: that the planner turns into a hash of every row of every tenant, built anew by each statement.
OF_OWN_CONVERSATION = (
    f"{OWN_TENANT} AND (SELECT c.id FROM chat_conversation c WHERE c.id = conversation_id) IS NOT NULL"
)
OF_OWN_MESSAGE = f"{OWN_TENANT} AND (SELECT m.id FROM chat_message m WHERE m.id = message_id) IS NOT NULL"


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_conversations"), ("assistants", "0002_isolation")]
    operations = [
        isolate("chat_conversation", using=OWN_CONVERSATION),
        isolate("chat_message", using=OF_OWN_CONVERSATION),
        isolate("chat_citation", using=OF_OWN_MESSAGE),
        same_tenant(
            "chat_conversation", "assistant_id", "assistants_assistant", on_delete="SET NULL (assistant_id)"
        ),
        same_tenant("chat_message", "conversation_id", "chat_conversation"),
        same_tenant("chat_citation", "message_id", "chat_message"),
    ]

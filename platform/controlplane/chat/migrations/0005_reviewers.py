"""Who looks after a department reads the conversations held with its assistants, and changes none of them.

Reading and writing part here: a conversation is seen by its asker and by its reviewers, and written by its asker alone.
"""

from django.db import migrations

from controlplane.core.rls import ACTOR, OWN_TENANT, REVIEWED, UNRESTRICTED, force_rls, same_tenant

CONVERSATION, MESSAGE, CITATION = "chat_conversation", "chat_message", "chat_citation"
FEEDBACK, RESOLUTION = "chat_feedback", "chat_feedbackresolution"
OWN = f"{UNRESTRICTED} OR actor = {ACTOR}"
OWN_CONVERSATION = f"{OWN_TENANT} AND ({OWN})"
# Scalars, not EXISTS: that the planner turns into a hash of every row of every tenant, built anew by each statement.
# The policies of the tables inside apply: a reviewer sees what belongs to a conversation that a reviewer sees.
OF_VISIBLE_CONVERSATION = (
    f"{OWN_TENANT} AND (SELECT c.id FROM {CONVERSATION} c WHERE c.id = conversation_id) IS NOT NULL"
)
OF_OWN_CONVERSATION = (
    f"{OWN_TENANT} AND (SELECT c.id FROM {CONVERSATION} c WHERE c.id = conversation_id "
    f"AND ({UNRESTRICTED} OR c.actor = {ACTOR})) IS NOT NULL"
)
OF_VISIBLE_MESSAGE = f"{OWN_TENANT} AND (SELECT m.id FROM {MESSAGE} m WHERE m.id = message_id) IS NOT NULL"
OF_OWN_MESSAGE = (
    f"{OWN_TENANT} AND (SELECT m.id FROM {MESSAGE} m JOIN {CONVERSATION} c ON c.id = m.conversation_id "
    f"WHERE m.id = message_id AND ({UNRESTRICTED} OR c.actor = {ACTOR})) IS NOT NULL"
)
OWN_FEEDBACK = f"{OWN_TENANT} AND ({OWN})"
FEEDBACK_POLICIES = {
    "own": f"USING ({OWN_FEEDBACK}) WITH CHECK ({OWN_FEEDBACK} AND {OF_OWN_MESSAGE})",
    "reviewed": f"FOR SELECT USING ({REVIEWED})",
}
# What is made of a feedback stands under the department that the feedback itself stands under.
DECIDED = f"{OWN_TENANT} AND {UNRESTRICTED} OR {REVIEWED}"
OF_SAME_DEPARTMENT = f"(SELECT f.department_id FROM {FEEDBACK} f WHERE f.id = feedback_id) = department_id"


def parted(table: str, visible: str, own: str) -> migrations.RunSQL:
    """One policy for all becomes one for reading and one for each way of writing."""
    policies = {
        "visible": f"FOR SELECT USING ({visible})",
        "created": f"FOR INSERT WITH CHECK ({own})",
        "changed": f"FOR UPDATE USING ({own}) WITH CHECK ({own})",
        "removed": f"FOR DELETE USING ({own})",
    }
    return migrations.RunSQL(
        [
            f"DROP POLICY tenant_isolation ON {table}",
            *(f"CREATE POLICY {name} ON {table} {clause}" for name, clause in policies.items()),
        ],
        [
            *(f"DROP POLICY {name} ON {table}" for name in policies),
            f"CREATE POLICY tenant_isolation ON {table} USING ({visible}) WITH CHECK ({visible})",
        ],
    )


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_feedback")]
    operations = [
        same_tenant(CONVERSATION, "department_id", "tenants_department", on_delete="SET NULL (department_id)"),
        same_tenant(FEEDBACK, "message_id", MESSAGE),
        same_tenant(FEEDBACK, "conversation_id", CONVERSATION),
        same_tenant(FEEDBACK, "department_id", "tenants_department", on_delete="SET NULL (department_id)"),
        same_tenant(RESOLUTION, "feedback_id", FEEDBACK),
        same_tenant(RESOLUTION, "department_id", "tenants_department"),
        migrations.RunSQL(
            f"CREATE POLICY reviewed ON {CONVERSATION} FOR SELECT USING ({REVIEWED})",
            f"DROP POLICY reviewed ON {CONVERSATION}",
        ),
        parted(MESSAGE, OF_VISIBLE_CONVERSATION, OF_OWN_CONVERSATION),
        parted(CITATION, OF_VISIBLE_MESSAGE, OF_OWN_MESSAGE),
        force_rls(FEEDBACK, FEEDBACK_POLICIES),
        force_rls(
            RESOLUTION,
            {"tenant_isolation": f"USING ({DECIDED}) WITH CHECK (({DECIDED}) AND {OF_SAME_DEPARTMENT})"},
        ),
    ]

"""The event. Rows are written by `audit.services.record` and by nothing else; the database refuses to change them."""

from django.db import models
from django.db.models.fields.json import KeyTextTransform


class AuditEvent(models.Model):
    """One link of a tenant's chain.

    `sequence`, `at`, `previous_hash` and `hash` are filled by a trigger that runs as the schema's owner, so that the
    application role can neither choose nor repeat them. `hash` = SHA-256 of the fields that `audit.chain` lists.
    """

    id = models.BigAutoField(primary_key=True)
    tenant_id = models.UUIDField()
    sequence = models.BigIntegerField(editable=False)
    at = models.DateTimeField(editable=False)
    actor = models.CharField(max_length=64)
    action = models.CharField(max_length=64)
    target = models.CharField(max_length=128, blank=True)
    data = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)
    # A column of its own, because row-level security lets an index help with plain columns only.
    conversation = models.GeneratedField(
        expression=KeyTextTransform("conversation", "data"),
        output_field=models.TextField(null=True),
        db_persist=True,
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "sequence"], name="audit_event_sequence")]
        indexes = [
            models.Index(fields=["tenant_id", "action", "-sequence"], name="audit_event_of_action"),
            models.Index(fields=["tenant_id", "actor", "-sequence"], name="audit_event_of_actor"),
            models.Index(fields=["tenant_id", "target", "-sequence"], name="audit_event_of_target"),
            models.Index(fields=["tenant_id", "at", "sequence"], name="audit_event_at"),
            models.Index(
                fields=["tenant_id", "conversation", "-sequence"],
                name="audit_event_of_conversation",
                condition=models.Q(conversation__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"

"""The event. Rows are written by `audit.services.record` and by nothing else; the database refuses to change them."""

from django.db import models


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

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant_id", "sequence"], name="audit_event_sequence")]
        indexes = [models.Index(fields=["tenant_id", "action", "-sequence"], name="audit_event_of_action")]

    def __str__(self) -> str:
        return f"{self.sequence} {self.action}"

"""Shapes of the audit trail on the wire."""

from typing import Any

from rest_framework import serializers

from controlplane.audit.models import AuditEvent


class AuditEventSerializer(serializers.ModelSerializer[AuditEvent]):
    class Meta:
        model = AuditEvent
        fields = ("sequence", "at", "actor", "action", "target", "data", "previous_hash", "hash")


class VerificationSerializer(serializers.Serializer[Any]):
    intact = serializers.BooleanField()
    links = serializers.IntegerField()
    first_break = serializers.DictField(allow_null=True)


class EventFilter(serializers.Serializer[Any]):
    """What the address asks for; `from` is no name of Python's."""

    action = serializers.CharField(required=False, default="", max_length=64)
    actor = serializers.CharField(required=False, default="", max_length=64)
    target = serializers.CharField(required=False, default="", max_length=128)
    conversation = serializers.UUIDField(required=False)
    document = serializers.UUIDField(required=False)
    to = serializers.DateTimeField(required=False)
    q = serializers.CharField(required=False, default="", max_length=200)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}

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

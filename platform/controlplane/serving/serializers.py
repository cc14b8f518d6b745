from typing import Any

from rest_framework import serializers


class DeploymentSerializer(serializers.Serializer[Any]):
    """A model on one engine. `state` is at most half a minute old."""

    name = serializers.CharField(source="endpoint.name")
    kind = serializers.CharField(source="endpoint.kind")
    routes = serializers.ListField(child=serializers.CharField(), source="endpoint.routes")
    profile = serializers.CharField(source="endpoint.profile")
    context_tokens = serializers.IntegerField(source="endpoint.context_tokens", allow_null=True)
    state = serializers.ChoiceField(choices=["ready", "down", "unknown"])
    since = serializers.DateTimeField(allow_null=True, help_text="when it was first seen in that state")


class DeploymentsSerializer(serializers.Serializer[Any]):
    results = DeploymentSerializer(many=True)

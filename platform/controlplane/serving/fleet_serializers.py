"""Shapes of deployments and replicas on the wire."""

from typing import Any

from rest_framework import serializers

from controlplane.serving.models import (
    LONGEST_MODEL,
    LONGEST_NAME,
    LONGEST_URL,
    ModelKind,
    PromptSize,
    ReplicaState,
    WantedState,
)
from controlplane.serving.shown import ShownDeployment, ShownReplica

_MOST_TOKENS = 100_000_000
_MOST_REQUESTS = 1_000_000


class ReasonSerializer(serializers.Serializer[Any]):
    """`text` is `code` in the request's language, `words` what the engine said."""

    code = serializers.CharField(source="view.reason.code")
    words = serializers.CharField(source="view.reason.words")
    text = serializers.CharField(source="reason_text")


class ReplicaSerializer(serializers.Serializer[ShownReplica]):
    """One server of a deployment, with what was last seen of it; its key is never shown."""

    id = serializers.UUIDField(
        source="row.id", default=None, allow_null=True, help_text="null: of the setting"
    )
    origin = serializers.SerializerMethodField()
    base_url = serializers.CharField(source="view.endpoint.base_url")
    model = serializers.CharField(source="view.endpoint.model", help_text="what the server calls it")
    has_key = serializers.BooleanField()
    capacity = serializers.IntegerField(
        source="view.capacity", allow_null=True, help_text="the most requests it works on at once"
    )
    wanted = serializers.ChoiceField(choices=WantedState.choices)
    state = serializers.ChoiceField(choices=ReplicaState.choices, source="view.state")
    reason = ReasonSerializer(source="*")
    since = serializers.DateTimeField(source="view.since", allow_null=True)
    running = serializers.IntegerField(source="view.running", allow_null=True)
    waiting = serializers.IntegerField(source="view.waiting", allow_null=True)
    kv_usage = serializers.FloatField(source="view.kv_usage", allow_null=True, help_text="share, 0 to 1")
    prefix_hit_rate = serializers.FloatField(
        source="view.prefix_hit_rate", allow_null=True, help_text="share of tokens, since the engine's start"
    )
    in_flight = serializers.IntegerField(
        allow_null=True, help_text="of one that drains: its requests over all processes; 0: it may be stopped"
    )
    probed_at = serializers.DateTimeField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True, help_text="of the last probe that was answered")

    def get_origin(self, shown: ShownReplica) -> str:
        return "registry" if shown.row else "setting"


class RegisteredDeploymentSerializer(serializers.Serializer[ShownDeployment]):
    """`origin` is `setting` for what KAREZ_ENGINES names: that has no id, and is changed there alone."""

    id = serializers.UUIDField(source="row.id", default=None, allow_null=True)
    origin = serializers.SerializerMethodField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=ModelKind.choices)
    routes = serializers.ListField(child=serializers.CharField())
    overflow_to = serializers.CharField(
        help_text="the deployment or route that stands in while this one is full or away; empty: none"
    )
    description = serializers.CharField(source="row.description", default="")
    context_tokens = serializers.IntegerField(source="row.context_tokens", default=None, allow_null=True)
    profile = serializers.CharField(source="row.profile", default=None, allow_null=True)
    preopened_reasoning = serializers.BooleanField(
        source="row.preopened_reasoning", default=None, allow_null=True
    )
    created_at = serializers.DateTimeField(source="row.created_at", default=None, allow_null=True)
    replicas = ReplicaSerializer(many=True)

    def get_origin(self, shown: ShownDeployment) -> str:
        return "registry" if shown.row else "setting"


class DeploymentWrite(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=LONGEST_NAME, help_text="what callers say as `model`")
    kind = serializers.ChoiceField(choices=ModelKind.choices, required=False)
    routes = serializers.ListField(child=serializers.CharField(max_length=LONGEST_NAME), required=False)
    overflow_to = serializers.CharField(max_length=LONGEST_NAME, allow_blank=True, required=False)
    description = serializers.CharField(max_length=500, allow_blank=True, required=False)
    context_tokens = serializers.IntegerField(
        min_value=1, max_value=_MOST_TOKENS, allow_null=True, required=False
    )
    profile = serializers.ChoiceField(choices=PromptSize.choices, required=False)
    preopened_reasoning = serializers.BooleanField(allow_null=True, required=False)


class ReplicaWrite(serializers.Serializer[Any]):
    base_url = serializers.CharField(max_length=LONGEST_URL, help_text="as http://vllm:8000/v1")
    model = serializers.CharField(
        max_length=LONGEST_MODEL, required=False, help_text="by default the deployment's name"
    )
    api_key = serializers.CharField(
        max_length=500,
        allow_blank=True,
        required=False,
        write_only=True,
        help_text="kept sealed, never shown",
    )
    capacity = serializers.IntegerField(
        min_value=1, max_value=_MOST_REQUESTS, allow_null=True, required=False
    )


class ProbeSerializer(serializers.Serializer[Any]):
    """One request of one token. `answered`; `busy`: it is there and full; `late`: not in time; `missed`."""

    outcome = serializers.ChoiceField(choices=["answered", "busy", "late", "missed"])
    seconds = serializers.FloatField()
    code = serializers.CharField(source="reason.code")
    words = serializers.CharField(source="reason.words")

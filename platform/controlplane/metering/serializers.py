"""Usage on the wire."""

from typing import Any

from rest_framework import serializers

from controlplane.metering.selectors import UsageGroup


class UsageSerializer(serializers.Serializer[UsageGroup]):
    """Times in milliseconds, null where nothing was timed. `key` is the hour (UTC), day, department's or assistant's id, or
    model; empty for what was asked of no assistant, or answered by no model."""

    key = serializers.CharField()
    # DRF moves declared fields away from the class, so the form's own `label` stays what it is.
    label = serializers.CharField()  # type: ignore[assignment]
    questions = serializers.IntegerField(source="figures.questions")
    answered = serializers.IntegerField(source="figures.answered")
    cited = serializers.IntegerField(source="figures.cited")
    refused = serializers.IntegerField(source="figures.refused")
    refused_by_reason: Any = serializers.DictField(
        child=serializers.IntegerField(), source="figures.refused_by_reason"
    )
    stopped = serializers.IntegerField(source="figures.stopped")
    failed = serializers.IntegerField(source="figures.failed")
    thumbs_up = serializers.IntegerField(source="figures.thumbs_up")
    thumbs_down = serializers.IntegerField(source="figures.thumbs_down")
    prompt_tokens = serializers.IntegerField(source="figures.prompt_tokens")
    completion_tokens = serializers.IntegerField(source="figures.completion_tokens")
    first_token_p50 = serializers.IntegerField(source="figures.first_token_p50", allow_null=True)
    first_token_p95 = serializers.IntegerField(source="figures.first_token_p95", allow_null=True)
    total_p50 = serializers.IntegerField(source="figures.total_p50", allow_null=True)
    total_p95 = serializers.IntegerField(source="figures.total_p95", allow_null=True)


class UsageFilter(serializers.Serializer[Any]):
    """What the address asks for; `from` is no name of Python's."""

    to = serializers.DateTimeField(required=False)
    group_by = serializers.ChoiceField(
        choices=["hour", "day", "department", "assistant", "model"], default="day"
    )
    department = serializers.CharField(required=False, default="")
    assistant = serializers.CharField(required=False, default="")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {"from": serializers.DateTimeField(required=False), **super().get_fields()}

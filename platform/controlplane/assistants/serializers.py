from typing import Any

from rest_framework import serializers

from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import knowledge_base_ids
from controlplane.tenants.models import Department


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    model = serializers.SerializerMethodField(help_text="what to send as `model` to /v1/chat/completions")

    class Meta:
        model = Assistant
        fields: tuple[str, ...] = (
            "id",
            "slug",
            "model",
            "name",
            "department",
            "instructions",
            "route",
            "top_k",
            "greeting",
            "opening_questions",
            "created_at",
            "updated_at",
        )

    def get_model(self, assistant: Assistant) -> str:
        return f"assistant:{assistant.slug}"


class AssistantDetailSerializer(AssistantSerializer):
    knowledge_bases = serializers.SerializerMethodField()

    class Meta(AssistantSerializer.Meta):
        fields = (*AssistantSerializer.Meta.fields, "knowledge_bases")

    def get_knowledge_bases(self, assistant: Assistant) -> list[str]:
        return [str(id_) for id_ in knowledge_base_ids(assistant=assistant)]


class AssistantChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    instructions = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    route = serializers.CharField(max_length=100, required=False, default="chat")
    top_k = serializers.IntegerField(min_value=1, max_value=50, required=False, default=6)
    greeting = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    opening_questions = serializers.ListField(
        child=serializers.CharField(max_length=300), max_length=12, required=False, default=list
    )
    knowledge_bases = serializers.ListField(
        child=serializers.UUIDField(), max_length=50, required=False, default=list
    )


class AssistantWrite(AssistantChange):
    slug = serializers.SlugField(max_length=63)
    department = serializers.CharField(help_text="slug or id")

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.assistants.models import Assistant
from controlplane.assistants.selectors import knowledge_base_ids
from controlplane.tenants.brands import brands
from controlplane.tenants.models import Department


class BrandSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    color = serializers.CharField(help_text="#rrggbb, which white text can be read on")
    logo_url = serializers.URLField(allow_null=True)


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    """`brands` in the context are those of `tenants.brands`, read once for a list."""

    brand = serializers.SerializerMethodField()
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
            "brand",
            "created_at",
            "updated_at",
        )

    @extend_schema_field(BrandSerializer)
    def get_brand(self, assistant: Assistant) -> dict[str, str | None]:
        known = self.context.get("brands") or brands(tenant_id=assistant.tenant_id)
        brand = known.of(assistant.department_id)
        # The hash makes a new logo a new address.
        path = f"/api/v1/departments/{brand.slug}/logo?v={brand.logo[:8]}"
        logo_url = settings.BASE_URL.rstrip("/") + path if brand.logo else None
        return {"name": brand.name, "color": brand.color, "logo_url": logo_url}

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

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.assistants.content import bases_of
from controlplane.assistants.models import Assistant, AssistantVersion
from controlplane.assistants.selectors import knowledge_base_ids
from controlplane.tenants.brands import brands
from controlplane.tenants.models import Department


class BrandSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    color = serializers.CharField(help_text="#rrggbb, which white text can be read on")
    logo_url = serializers.URLField(allow_null=True)


class AssistantSerializer(serializers.ModelSerializer[Assistant]):
    """In the context: `brands` of `tenants.brands`, read once for a list, and `looked_after`, the departments of which the
    reader sees more than who only asks."""

    instructions = serializers.SerializerMethodField(help_text="null to who may only ask it")
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
            "enabled",
            "version",
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

    def get_instructions(self, assistant: Assistant) -> str | None:
        looked_after = assistant.department_id in self.context.get("looked_after", ())
        return assistant.instructions if looked_after else None

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


class AssistantVersioned(AssistantChange):
    version = serializers.IntegerField(
        min_value=1,
        required=False,
        allow_null=True,
        default=None,
        help_text="the one that the change is based on; 409 `version_conflict` when there is a newer one",
    )
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class AssistantSwitch(serializers.Serializer[Any]):
    enabled = serializers.BooleanField()


class AssistantWrite(AssistantChange):
    slug = serializers.SlugField(max_length=63)
    department = serializers.CharField(help_text="slug or id")


class VersionContentSerializer(serializers.Serializer[Any]):
    """Of the knowledge bases those that the reader may see; `hidden_knowledge_bases` counts the others."""

    name = serializers.CharField()
    instructions = serializers.CharField()
    route = serializers.CharField()
    top_k = serializers.IntegerField()
    greeting = serializers.CharField()
    opening_questions = serializers.ListField(child=serializers.CharField())
    knowledge_bases = serializers.ListField(child=serializers.UUIDField())
    hidden_knowledge_bases = serializers.IntegerField()


class VersionSerializer(serializers.ModelSerializer[AssistantVersion]):
    """`actors` and `bases` (that the reader sees) in the context are read once for a list."""

    author = serializers.SerializerMethodField(help_text="who made it")
    content = serializers.SerializerMethodField()

    class Meta:
        model = AssistantVersion
        fields = ("number", "created_at", "actor", "author", "note", "restored_from", "content")

    def get_author(self, version: AssistantVersion) -> str:
        return str(self.context["actors"][version.actor].name)

    @extend_schema_field(VersionContentSerializer)
    def get_content(self, version: AssistantVersion) -> dict[str, Any]:
        linked = bases_of(version.content)
        shown = [str(id_) for id_ in linked if id_ in self.context["bases"]]
        return {
            **version.content,
            "knowledge_bases": shown,
            "hidden_knowledge_bases": len(linked) - len(shown),
        }


class RestoreWrite(serializers.Serializer[Any]):
    version = serializers.IntegerField(min_value=1, required=False, allow_null=True, default=None)


class AccessWrite(serializers.Serializer[Any]):
    departments = serializers.ListField(
        child=serializers.CharField(max_length=63), max_length=200, required=False, default=list
    )
    people = serializers.ListField(
        child=serializers.CharField(max_length=254),
        max_length=200,
        required=False,
        default=list,
        help_text="e-mail addresses or identifiers",
    )


class GrantedDepartment(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class GrantedPerson(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    email = serializers.CharField()
    name = serializers.CharField()


class AccessSerializer(serializers.Serializer[Any]):
    """`department` is the assistant's own, whose readers may always ask it."""

    department = GrantedDepartment()
    departments = GrantedDepartment(many=True)
    people = GrantedPerson(many=True)

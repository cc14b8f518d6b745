"""Shapes of tenants and departments on the wire."""

from typing import Any, ClassVar

from rest_framework import serializers

from controlplane.tenants.models import Department, Tenant

_PARENT = "slug or id of the department above"


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    class Meta:
        model = Tenant
        fields: tuple[str, ...] = ("id", "slug", "name", "created_at")
        read_only_fields = ("id", "created_at")
        # A taken slug is the service's 409, not a 422 of the form.
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"slug": {"validators": []}}


class FirstAdministrator(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", write_only=True
    )
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class TenantWrite(TenantSerializer):
    """`password` and `name` are for a person who is new to the platform; without them an existing account is adopted."""

    admin = FirstAdministrator(write_only=True)

    class Meta(TenantSerializer.Meta):
        fields = (*TenantSerializer.Meta.fields, "admin")


class DepartmentSerializer(serializers.ModelSerializer[Department]):
    # DRF moves declared fields away from the class, so the form's own `parent` stays what it is.
    parent = serializers.SlugRelatedField[Department](  # type: ignore[assignment]
        slug_field="slug", read_only=True
    )

    class Meta:
        model = Department
        fields = ("id", "slug", "name", "parent", "created_at")


class DepartmentWrite(serializers.Serializer[Department]):
    slug = serializers.SlugField(max_length=63)
    name = serializers.CharField(max_length=200)
    parent = serializers.CharField(default="root", help_text=_PARENT)  # type: ignore[assignment]


class DepartmentMove(serializers.Serializer[Department]):
    parent = serializers.CharField(help_text=_PARENT)  # type: ignore[assignment]

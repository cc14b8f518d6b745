"""Shapes of tenants and departments on the wire."""

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from controlplane.tenants.models import Department, Tenant
from controlplane.tenants.suspensions import LONGEST_REASON

_PARENT = "slug or id of the department above"


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    suspension_reason = serializers.SerializerMethodField(help_text="for the platform's administrators")

    class Meta:
        model = Tenant
        fields: tuple[str, ...] = ("id", "slug", "name", "created_at", "suspended_at", "suspension_reason")
        read_only_fields = ("id", "created_at", "suspended_at")
        # A taken slug is the service's 409, not a 422 of the form.
        extra_kwargs: ClassVar[dict[str, dict[str, Any]]] = {"slug": {"validators": []}}

    def get_suspension_reason(self, tenant: Tenant) -> str:
        """People also see the other organisations that they belong to, perhaps as mere members of them."""
        request = self.context.get("request")
        asker = getattr(request, "auth", None)
        return tenant.suspension_reason if getattr(asker, "is_platform_admin", False) else ""


class TenantSuspend(serializers.Serializer[Any]):
    reason = serializers.CharField(
        max_length=LONGEST_REASON, help_text="which the organisation's administrators read"
    )


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


class TenantChange(serializers.Serializer[Tenant]):
    name = serializers.CharField(max_length=200)


class DepartmentSerializer(serializers.ModelSerializer[Department]):
    # DRF moves declared fields away from the class, so the form's own `parent` stays what it is.
    parent = serializers.SlugRelatedField[Department](  # type: ignore[assignment]
        slug_field="slug", read_only=True
    )

    class Meta:
        model = Department
        fields = ("id", "slug", "name", "parent", "brand_name", "brand_color", "created_at")


class DepartmentWrite(serializers.Serializer[Department]):
    slug = serializers.SlugField(max_length=63)
    name = serializers.CharField(max_length=200)
    parent = serializers.CharField(default="root", help_text=_PARENT)  # type: ignore[assignment]


class DepartmentChange(serializers.Serializer[Department]):
    """An empty brand is that of the department above."""

    parent = serializers.CharField(required=False, help_text=_PARENT)  # type: ignore[assignment]
    name = serializers.CharField(required=False, max_length=200)
    brand_name = serializers.CharField(required=False, allow_blank=True, max_length=60)
    brand_color = serializers.RegexField(
        "^#[0-9a-f]{6}$",
        required=False,
        allow_blank=True,
        help_text="#rrggbb",
        error_messages={"invalid": _("Give the colour as #rrggbb.")},
    )

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("brand_color"), str):
            data = {**data, "brand_color": data["brand_color"].lower()}
        return super().to_internal_value(data)


class LogoForm(serializers.Serializer[Any]):
    file = serializers.FileField(allow_empty_file=True, max_length=None)

"""Shapes of people, members and keys on the wire."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from controlplane.core.api import SecrecyField
from controlplane.core.secrecy import Secrecy
from controlplane.identity.chat_tokens import ChatToken
from controlplane.identity.models import ApiKey, KeyScope, User
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Department, Membership, Role


class SignIn(serializers.Serializer[Any]):
    email = serializers.CharField(max_length=254)
    password = serializers.CharField(max_length=200)


class PasswordChange(serializers.Serializer[Any]):
    current = serializers.CharField(max_length=200)
    new = serializers.CharField(max_length=200)


class TokenUser(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    email = serializers.CharField()


class TokenTenant(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    slug = serializers.CharField()
    name = serializers.CharField()


class ChatTokenSerializer(serializers.Serializer[ChatToken]):
    token = serializers.CharField(help_text="to be sent as “Authorization: Bearer kt_…”")
    expires_at = serializers.DateTimeField()
    user = TokenUser()
    tenant = TokenTenant()
    console = serializers.BooleanField(help_text="whether the person may use the console")


class MemberSerializer(serializers.ModelSerializer[Membership]):
    email = serializers.CharField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    clearance = SecrecyField(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "user", "email", "name", "department", "role", "clearance", "created_at")


class MemberWrite(serializers.Serializer[Membership]):
    """`password` is needed for a person who is new to the platform, and refused for one who is not."""

    email = serializers.EmailField(max_length=254)
    name = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")
    password = serializers.CharField(
        max_length=200, required=False, allow_blank=True, default="", write_only=True
    )
    department = serializers.CharField(help_text="slug or id")
    role = serializers.ChoiceField(choices=Role.choices, default=Role.MEMBER)
    clearance = SecrecyField(required=False, default=Secrecy.INTERNAL)


class MemberChange(serializers.Serializer[Membership]):
    role = serializers.ChoiceField(choices=Role.choices, required=False)
    clearance = SecrecyField(required=False)


class PersonMembershipSerializer(serializers.ModelSerializer[Membership]):
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    clearance = SecrecyField(read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "department", "role", "clearance")


class PersonSerializer(serializers.ModelSerializer[User]):
    """A person with the memberships in departments that the caller administers."""

    active = serializers.BooleanField(source="is_active", read_only=True)
    last_sign_in = serializers.DateTimeField(source="last_login", read_only=True, allow_null=True)
    memberships = PersonMembershipSerializer(source="shown_memberships", many=True, read_only=True)

    class Meta:
        model = User
        fields = ("id", "email", "name", "active", "last_sign_in", "memberships", "created_at")


class NameChange(serializers.Serializer[Any]):
    name = serializers.CharField(
        max_length=200, help_text="what the person is called, in all of their organisations"
    )


class PersonChange(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200, required=False)
    active = serializers.BooleanField(required=False, help_text="false ends the account, true opens it again")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs:
            raise serializers.ValidationError(_("Send what is to change: “name”, “active”, or both."))
        return attrs


class PasswordReset(serializers.Serializer[Any]):
    password = serializers.CharField(
        max_length=128,
        required=False,
        allow_blank=True,
        default="",
        help_text="chosen by the platform without it",
    )


class NewPasswordSerializer(serializers.Serializer[Any]):
    password = serializers.CharField(help_text="shown this once")


class PeopleFile(serializers.Serializer[Any]):
    file = serializers.FileField(help_text="CSV with the columns email, name, department, role, clearance")
    dry_run = serializers.BooleanField(default=False, help_text="only say what each line would do")


class PlannedLineSerializer(serializers.Serializer[Any]):
    line = serializers.IntegerField(source="line.number")
    email = serializers.CharField(source="line.email")
    outcome = serializers.ChoiceField(choices=["new", "join", "change", "same", "error"])
    error = serializers.CharField()


class InitialPasswordSerializer(serializers.Serializer[Any]):
    email = serializers.CharField()
    name = serializers.CharField()
    password = serializers.CharField(help_text="shown this once")


class ImportedSerializer(serializers.Serializer[Any]):
    lines = PlannedLineSerializer(source="plan.lines", many=True)
    passwords = InitialPasswordSerializer(many=True)


class ApiKeySerializer(serializers.ModelSerializer[ApiKey]):
    state = serializers.ChoiceField(choices=["active", "expired", "revoked"], read_only=True)
    department = serializers.SlugRelatedField[Department](slug_field="slug", read_only=True)
    clearance = SecrecyField(read_only=True)

    class Meta:
        model = ApiKey
        fields: tuple[str, ...] = (
            "id",
            "name",
            "prefix",
            "department",
            "scopes",
            "clearance",
            "created_by",
            "created_at",
            "expires_at",
            "revoked_at",
            "last_used_at",
            "state",
        )


class NewApiKeySerializer(ApiKeySerializer):
    key = serializers.CharField(read_only=True, help_text="shown this once")

    class Meta(ApiKeySerializer.Meta):
        fields = (*ApiKeySerializer.Meta.fields, "key")


class ApiKeyWrite(serializers.Serializer[ApiKey]):
    name = serializers.CharField(max_length=200)
    department = serializers.CharField(help_text="slug or id")
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=KeyScope.choices), allow_empty=False)
    clearance = SecrecyField(required=False, default=Secrecy.INTERNAL)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class PrincipalSerializer(serializers.Serializer[Principal]):
    actor = serializers.CharField()
    name = serializers.CharField()
    tenant = serializers.UUIDField(source="tenant_id", allow_null=True)
    is_suspended = serializers.BooleanField(
        help_text="the organisation is: there is no `tenant`, and no right in it"
    )
    is_admin = serializers.BooleanField(help_text="of the whole tenant")
    is_platform_admin = serializers.BooleanField()
    clearance = SecrecyField()
    scopes = serializers.ListField(child=serializers.CharField())
    read_departments = serializers.ListField(child=serializers.UUIDField())
    write_departments = serializers.ListField(child=serializers.UUIDField())
    admin_departments = serializers.ListField(child=serializers.UUIDField())

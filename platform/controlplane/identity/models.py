"""People who sign in, and keys that programs present."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from controlplane.core.models import TenantModel, new_id
from controlplane.core.secrecy import Secrecy


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person. Belongs to no tenant by itself: memberships say where. The e-mail address is kept in lower case."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_platform_admin = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()


class KeyScope(models.TextChoices):
    """What an API key may be used for."""

    CHAT = "chat"
    SEARCH = "search"
    DOCUMENTS_READ = "documents:read"
    DOCUMENTS_WRITE = "documents:write"
    ADMIN = "admin"


class ApiKey(TenantModel):
    """A key acts for one department and everything beneath it, up to its clearance.

    The key itself is shown once; kept are its first characters, to recognise it by, and its SHA-256. (It holds 256
    random bits, so a slow hash would add nothing.)
    """

    name = models.CharField(max_length=200)
    department = models.ForeignKey(
        "tenants.Department", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    prefix = models.CharField(max_length=16)
    key_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=32, choices=KeyScope.choices))
    clearance = models.SmallIntegerField(choices=Secrecy.choices, default=Secrecy.INTERNAL)
    created_by = models.CharField(max_length=64)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-id"], name="identity_apikey_newest")]

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"


class IdempotencyRecord(TenantModel):
    """The answer that a write with an `Idempotency-Key` was given, so that its repetition gets the same one."""

    # None for what concerns no tenant, as the making of one.
    tenant = models.ForeignKey(  # type: ignore[assignment]
        "tenants.Tenant", null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    actor = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "actor", "key"], name="identity_idempotency_key", nulls_distinct=False
            )
        ]
        indexes = [models.Index(fields=["tenant", "created_at"], name="identity_idempotency_age")]

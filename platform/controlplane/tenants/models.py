"""Tenants, their tree of departments, and who belongs where with which clearance."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from controlplane.core.models import TenantModel, new_id
from controlplane.core.secrecy import Secrecy


class Tenant(models.Model):
    """An organisation. Everything below it is invisible to every other one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)
    # While it is set nobody acts in the organisation: see `tenants.suspensions`. The platform alone changes these two.
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspension_reason = models.CharField(max_length=500, blank=True, default="", db_default="")

    def __str__(self) -> str:
        return self.slug


class Department(TenantModel):
    slug = models.SlugField(max_length=63)
    name = models.CharField(max_length=200)
    parent = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="children",
    )
    # How its assistants present themselves; what is empty is that of the department above.
    brand_name = models.CharField(max_length=60, blank=True, default="", db_default="")
    brand_color = models.CharField(max_length=7, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "id"], name="tenants_department_tenant_id"),
            models.UniqueConstraint(fields=["tenant", "slug"], name="tenants_department_slug"),
        ]

    def __str__(self) -> str:
        return self.slug


class DepartmentLogo(TenantModel):
    """Apart from the department, which is read with every request. `png` was made here, from whatever was uploaded."""

    department = models.OneToOneField(
        Department, on_delete=models.DO_NOTHING, db_constraint=False, related_name="logo"
    )
    png = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.sha256


class Role(models.TextChoices):
    """What a membership lets its holder do in the department and everything beneath it."""

    MEMBER = "member", _("member")
    MANAGER = "manager", _("knowledge manager")
    ADMIN = "admin", _("administrator")


class Membership(TenantModel):
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="memberships")
    department = models.ForeignKey(
        Department, on_delete=models.DO_NOTHING, db_constraint=False, related_name="memberships"
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.MEMBER)
    clearance = models.SmallIntegerField(choices=Secrecy.choices, default=Secrecy.INTERNAL)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user", "department"], name="tenants_membership_once"),
        ]
        indexes = [models.Index(fields=["tenant", "-id"], name="tenants_membership_newest")]

"""Choices of fields that several pages have."""

from collections.abc import Collection, Sequence
from uuid import UUID

from django.utils.functional import Promise

from controlplane.core.secrecy import Secrecy
from controlplane.identity.principal import Principal
from controlplane.tenants.models import Role
from controlplane.tenants.selectors import OutlineRow, department_outline

Choices = list[tuple[str, str | Promise]]
_STEP = "\u2003"  # a space as wide as a letter: others collapse in an option


def department_choices(*, outline: Sequence[OutlineRow], among: Collection[UUID]) -> Choices:
    """By id, indented as they stand beneath each other; the highest of those shown stand at the edge."""
    shown = [row for row in outline if row.department.pk in among]
    edge = min((row.depth for row in shown), default=0)
    return [(str(row.department.pk), _STEP * (row.depth - edge) + row.department.name) for row in shown]


def administered_choices(*, principal: Principal) -> Choices:
    outline = department_outline(tenant_id=principal.tenant)
    return department_choices(outline=outline, among=principal.admin_departments)


def role_choices() -> Choices:
    return [(role.value, role.label) for role in Role]


def clearance_choices(*, most: Secrecy = Secrecy.SECRET) -> Choices:
    return [(level.slug, level.label) for level in Secrecy if level <= most]

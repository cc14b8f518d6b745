"""How each department presents itself, with what it has from those above it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from controlplane.tenants.models import Department, DepartmentLogo

# Where nobody has chosen one.
DEFAULT_COLOR = "#1d4ed8"


@dataclass(frozen=True, slots=True)
class Brand:
    """`logo` is the SHA-256 of the picture, empty where there is none; `slug` names the department it is asked for by."""

    slug: str
    name: str
    color: str
    logo: str


@dataclass(frozen=True, slots=True)
class _Own:
    slug: str
    name: str
    parent: UUID | None
    brand_name: str
    brand_color: str
    logo: str


@dataclass(frozen=True, slots=True)
class Brands:
    """Those of a tenant's departments, held whole as the tree is."""

    departments: Mapping[UUID, _Own]

    def of(self, department_id: UUID) -> Brand:
        """What is set nowhere up to the root is the department's own name and the platform's colour."""
        own = self.departments[department_id]
        line = list(self._line(department_id))
        return Brand(
            slug=own.slug,
            name=next((one.brand_name for one in line if one.brand_name), own.name),
            color=next((one.brand_color for one in line if one.brand_color), DEFAULT_COLOR),
            logo=next((one.logo for one in line if one.logo), ""),
        )

    def logo_holder(self, department_id: UUID) -> UUID | None:
        """The department whose logo is shown for this one."""
        place: UUID | None = department_id
        while place is not None and not self.departments[place].logo:
            place = self.departments[place].parent
        return place

    def _line(self, department_id: UUID) -> Iterator[_Own]:
        place: UUID | None = department_id
        while place is not None:
            one = self.departments[place]
            yield one
            place = one.parent


def brands(*, tenant_id: UUID) -> Brands:
    """One query; no picture is read."""
    rows = Department.objects.filter(tenant_id=tenant_id).values_list(
        "id", "slug", "name", "parent_id", "brand_name", "brand_color", "logo__sha256"
    )
    return Brands(
        {
            id_: _Own(slug, name, parent, brand_name, brand_color, logo or "")
            for id_, slug, name, parent, brand_name, brand_color, logo in rows
        }
    )


def logo_of(*, tenant_id: UUID, department_id: UUID) -> DepartmentLogo | None:
    """The department's own, or that of the nearest one above that has one."""
    holder = brands(tenant_id=tenant_id).logo_holder(department_id)
    return (
        DepartmentLogo.objects.filter(tenant_id=tenant_id, department_id=holder).first() if holder else None
    )

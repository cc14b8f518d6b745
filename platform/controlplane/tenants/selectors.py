"""Reading tenants, departments and memberships."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.tenants.models import Department, Membership, Tenant


def tenant_list() -> QuerySet[Tenant]:
    """Those that the scope shows: all of them to the platform administrator, else the caller's own."""
    return Tenant.objects.all()


def department_list(*, tenant_id: UUID) -> QuerySet[Department]:
    return Department.objects.filter(tenant_id=tenant_id).select_related("parent")


@dataclass(frozen=True, slots=True)
class DepartmentTree:
    """A tenant's departments. Held whole: an organisation has hundreds, not millions."""

    root: UUID | None
    children: Mapping[UUID, tuple[UUID, ...]]

    def subtree(self, roots: Iterable[UUID]) -> frozenset[UUID]:
        """The departments `roots` and everything beneath them; unknown ones are left out."""
        found: set[UUID] = set()
        pending = [root for root in roots if root in self.children]
        while pending:
            id_ = pending.pop()
            if id_ not in found:
                found.add(id_)
                pending += self.children[id_]
        return frozenset(found)


def department_tree(*, tenant_id: UUID) -> DepartmentTree:
    """One query."""
    rows = list(Department.objects.filter(tenant_id=tenant_id).values_list("id", "parent_id"))
    children: dict[UUID, list[UUID]] = {id_: [] for id_, _parent in rows}
    for id_, parent_id in rows:
        if parent_id is not None:
            children[parent_id].append(id_)
    root = next((id_ for id_, parent_id in rows if parent_id is None), None)
    return DepartmentTree(root=root, children={id_: tuple(below) for id_, below in children.items()})


def department_get(*, tenant_id: UUID, key: str | UUID) -> Department:
    """By id or by slug. Raises NotFound."""
    departments = Department.objects.filter(tenant_id=tenant_id)
    try:
        found = departments.filter(pk=UUID(str(key))).first()
    except ValueError:
        found = departments.filter(slug=str(key)).first()
    if found is None:
        raise not_found(kind=_("department"), id=key)
    return found


def membership_list(*, tenant_id: UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant_id=tenant_id).select_related("user", "department")


def membership_get(*, tenant_id: UUID, membership_id: UUID) -> Membership:
    """Raises NotFound."""
    membership = membership_list(tenant_id=tenant_id).filter(pk=membership_id).first()
    if membership is None:
        raise not_found(kind=_("membership"), id=membership_id)
    return membership

"""Reading tenants, departments and memberships."""

from collections.abc import Iterable
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


def department_ids(*, tenant_id: UUID) -> frozenset[UUID]:
    return frozenset(Department.objects.filter(tenant_id=tenant_id).values_list("id", flat=True))


def department_subtree(*, tenant_id: UUID, roots: Iterable[UUID]) -> frozenset[UUID]:
    """The departments `roots` and everything beneath them. One query: an organisation has hundreds, not millions."""
    children: dict[UUID | None, list[UUID]] = {}
    known = set()
    for id_, parent_id in Department.objects.filter(tenant_id=tenant_id).values_list("id", "parent_id"):
        children.setdefault(parent_id, []).append(id_)
        known.add(id_)
    found: set[UUID] = set()
    pending = [root for root in roots if root in known]
    while pending:
        id_ = pending.pop()
        if id_ not in found:
            found.add(id_)
            pending += children.get(id_, [])
    return frozenset(found)


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

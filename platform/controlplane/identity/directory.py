"""The people of a tenant as whoever administers departments sees them: each once, with the memberships in these."""

from collections.abc import Iterable, Iterator
from typing import Literal
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.core.scope import Scope, scoped
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.people_file import COLUMNS, EXPORTED_BESIDE
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import tenants_of
from controlplane.tenants.models import Membership, Role

AccountState = Literal["", "active", "inactive"]
SHOWN = "shown_memberships"


def person_list(
    *,
    principal: Principal,
    q: str = "",
    department: UUID | None = None,
    role: str = "",
    state: AccountState = "",
) -> QuerySet[User]:
    """`q` is part of a name or an address. Each has `shown_memberships`: those in departments that the principal
    administers, whatever was filtered for."""
    chosen = _administered(principal)
    if department is not None:
        chosen = chosen.filter(department_id=department)
    if role in Role.values:
        chosen = chosen.filter(role=role)
    people = User.objects.filter(pk__in=chosen.values("user_id"))
    if q := q.strip().replace("\x00", ""):
        people = people.filter(Q(name__icontains=q) | Q(email__icontains=q))
    if state:
        people = people.filter(is_active=state == "active")
    return people.prefetch_related(
        Prefetch(
            "memberships",
            _administered(principal).select_related("department").order_by("department__name"),
            to_attr=SHOWN,
        )
    )


def person_get(*, principal: Principal, user_id: UUID) -> User:
    """With `shown_memberships`. Raises NotFound, also for somebody in departments that the principal does not administer."""
    person = person_list(principal=principal).filter(pk=user_id).first()
    if person is None:
        raise not_found(kind=_("person"), id=user_id)
    return person


def is_shared(*, tenant_id: UUID, user: User) -> bool:
    """Whether the person belongs to another organisation too."""
    return any(other != tenant_id for other in tenants_of(user=user))


def has_another_administrator(*, tenant_id: UUID, user: User) -> bool:
    """Whether the tenant keeps somebody who administers all of it, with as much clearance, without the person."""
    roots = Membership.objects.filter(tenant_id=tenant_id, department__parent=None, role=Role.ADMIN)
    own = roots.filter(user=user).first()
    if own is None:
        return True
    others = roots.exclude(user=user).filter(clearance__gte=own.clearance)
    with scoped(Scope(tenant_id=tenant_id, unrestricted=True)):
        return others.filter(Exists(User.objects.filter(pk=OuterRef("user_id"), is_active=True))).exists()


EXPORT_COLUMNS = (*COLUMNS, *EXPORTED_BESIDE)


def person_rows(*, people: Iterable[User]) -> Iterator[tuple[str, ...]]:
    """Lines of an export, one for each membership shown; the first five columns are those of an import."""
    for person in people:
        signed_in = person.last_login.isoformat(timespec="seconds") if person.last_login else ""
        state = "yes" if person.is_active else "no"
        for membership in getattr(person, SHOWN):
            yield (
                person.email,
                person.name,
                membership.department.slug,
                membership.role,
                Secrecy(membership.clearance).slug,
                state,
                signed_in,
            )


def _administered(principal: Principal) -> QuerySet[Membership]:
    return Membership.objects.filter(
        tenant_id=principal.tenant, department_id__in=principal.admin_departments
    )

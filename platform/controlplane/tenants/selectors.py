"""Reading tenants, departments and memberships."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db.models import ForeignObjectRel, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.tenants.models import Department, Membership, Tenant


def tenant_list() -> QuerySet[Tenant]:
    """Those that the scope shows: all of them to the platform administrator, else the caller's own."""
    return Tenant.objects.all()


def tenant_get(*, tenant_id: UUID) -> Tenant:
    """Among those that the scope shows. Raises NotFound."""
    tenant = Tenant.objects.filter(pk=tenant_id).first()
    if tenant is None:
        raise not_found(kind=_("organisation"), id=tenant_id)
    return tenant


def department_list(*, tenant_id: UUID) -> QuerySet[Department]:
    return Department.objects.filter(tenant_id=tenant_id).select_related("parent")


@dataclass(frozen=True, slots=True)
class DepartmentTree:
    """A tenant's departments, and whether it is suspended: what every credential is looked up with.

    Held whole: an organisation has hundreds, not millions.
    """

    root: UUID | None
    children: Mapping[UUID, tuple[UUID, ...]]
    is_suspended: bool = False

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

    def line(self, starts: Iterable[UUID]) -> frozenset[UUID]:
        """The departments `starts` and everything above them; unknown ones are left out."""
        parents = {child: parent for parent, below in self.children.items() for child in below}
        found: set[UUID] = set()
        for start in starts:
            place = start if start in self.children else None
            while place is not None and place not in found:
                found.add(place)
                place = parents.get(place)
        return frozenset(found)


def department_tree(*, tenant_id: UUID) -> DepartmentTree:
    """One query."""
    departments = Department.objects.filter(tenant_id=tenant_id)
    rows = list(departments.values_list("id", "parent_id", "tenant__suspended_at"))
    children: dict[UUID, list[UUID]] = {id_: [] for id_, _parent, _suspended in rows}
    for id_, parent_id, _suspended in rows:
        if parent_id is not None:
            children[parent_id].append(id_)
    return DepartmentTree(
        root=next((id_ for id_, parent_id, _suspended in rows if parent_id is None), None),
        children={id_: tuple(below) for id_, below in children.items()},
        is_suspended=any(suspended_at is not None for _id, _parent, suspended_at in rows),
    )


@dataclass(frozen=True, slots=True)
class OutlineRow:
    """A department in its place: `depth` 0 is the root of the organisation."""

    department: Department
    depth: int


def department_outline(*, tenant_id: UUID) -> list[OutlineRow]:
    """The tree from its root down, each department before those beneath it, sisters by name. One query."""
    beneath: dict[UUID | None, list[Department]] = {}
    for department in Department.objects.filter(tenant_id=tenant_id).order_by("name", "slug"):
        beneath.setdefault(department.parent_id, []).append(department)
    rows: list[OutlineRow] = []
    pending = [OutlineRow(root, 0) for root in reversed(beneath.get(None, []))]
    while pending:
        row = pending.pop()
        rows.append(row)
        pending += [OutlineRow(d, row.depth + 1) for d in reversed(beneath.get(row.department.pk, []))]
    return rows


def department_root(*, tenant_id: UUID) -> Department:
    """Every tenant has one, from its making."""
    return Department.objects.get(tenant_id=tenant_id, parent=None)


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


_CONTENTS = {
    "tenants.Membership": _("members"),
    "tenants.Department": _("departments beneath it"),
    "identity.ApiKey": _("API keys"),
    "documents.KnowledgeBase": _("knowledge bases"),
    "assistants.Assistant": _("assistants"),
}
# They follow what is counted already, are the department's above from then on, or go with it.
_UNCOUNTED = frozenset(
    {
        "documents.Document",
        "tenants.DepartmentLogo",
        "assistants.AssistantAccess",
        "chat.Conversation",
        "chat.Feedback",
        "chat.FeedbackResolution",
    }
)


def department_contents(*, department: Department, without: Mapping[str, Q] | None = None) -> dict[str, int]:
    """`{kind: number}` of all that refers to the department. Needs a scope that sees everything.

    `without` names rows that do not count, by the label of their model.

    Read from the models, so that what a later app hangs on departments is counted from its first day.
    """
    contents: dict[str, int] = {}
    for relation in Department._meta.get_fields(include_hidden=True):
        if not (
            isinstance(relation, ForeignObjectRel) and relation.related_model._meta.label not in _UNCOUNTED
        ):
            continue
        model: type[Model] = relation.related_model
        rows = model._default_manager.filter(**{relation.field.name: department})
        if passed_over := (without or {}).get(model._meta.label):
            rows = rows.exclude(passed_over)
        kind = str(_CONTENTS.get(model._meta.label, model._meta.verbose_name_plural))
        if any(field.name == "owner" for field in model._meta.fields):
            # What people brought along for themselves: no list shows it to an administrator.
            _count(contents, str(_("files attached to conversations")), rows.exclude(owner=""))
            rows = rows.filter(owner="")
        _count(contents, kind, rows)
    return contents


def _count(contents: dict[str, int], kind: str, rows: QuerySet[Model]) -> None:
    if count := rows.count():
        contents[kind] = contents.get(kind, 0) + count


def membership_list(*, tenant_id: UUID) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant_id=tenant_id).select_related("user", "department")


def membership_get(*, tenant_id: UUID, membership_id: UUID) -> Membership:
    """Raises NotFound."""
    membership = membership_list(tenant_id=tenant_id).filter(pk=membership_id).first()
    if membership is None:
        raise not_found(kind=_("membership"), id=membership_id)
    return membership

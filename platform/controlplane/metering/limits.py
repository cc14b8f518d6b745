"""Limits of use: who may set which, and who one is to the engines' admission."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record
from controlplane.core.problems import Forbidden, InvalidInput
from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.identity.departments import department_hold
from controlplane.identity.principal import Principal
from controlplane.metering.models import UsageLimit
from controlplane.tenants.models import Department
from controlplane.tenants.selectors import tenant_get
from inference.admission import Limits, Member, Party, Priority

USUAL_WEIGHT = 10
MOST_WEIGHT = 100
MOST_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitValues:
    """None is no limit; `weight` is from 1 to 100.

    `overflow_allowed`: whether a model's stand-in may answer while it is full or away; None of a department is what the tenant
    says, and of a tenant no.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrency: int | None = None
    weight: int = USUAL_WEIGHT
    batch_allowed: bool = True
    overflow_allowed: bool | None = None


NOTHING_SET = LimitValues()


@dataclass(slots=True)
class TenantLimits:
    """Of one tenant, as read at one moment; what is made of it is kept, for the gateway asks with every request."""

    tenant_id: UUID
    own: LimitValues
    departments: Mapping[UUID, LimitValues]
    # Whether requests or tokens of anybody in it are limited.
    limited: bool = field(init=False)
    _parties: dict[tuple[UUID | None, Priority], Party] = field(default_factory=dict)

    def __post_init__(self) -> None:
        values = (self.own, *self.departments.values())
        self.limited = any(v.requests_per_minute or v.tokens_per_minute for v in values)

    def party(self, *, department_id: UUID | None, priority: Priority = "interactive") -> Party:
        """As whom the engines' admission knows somebody who asks for the department, or for the tenant as a whole."""
        key = (department_id, priority)
        found = self._parties.get(key)
        if found is None:
            department = None
            if department_id is not None:
                values = self.departments.get(department_id, NOTHING_SET)
                department = _member(department_id, values)
            found = self._parties[key] = Party(_member(self.tenant_id, self.own), department, priority)
        return found

    def batch_allowed(self, *, department_id: UUID | None) -> bool:
        """Whether requests may be sent as batch: the tenant must allow it, and the department where there is one."""
        values = self.departments.get(department_id, NOTHING_SET) if department_id else NOTHING_SET
        return self.own.batch_allowed and values.batch_allowed

    def overflow_allowed(self, *, department_id: UUID | None) -> bool:
        """Whether a stand-in may answer: what the department says, else what the tenant says."""
        values = self.departments.get(department_id, NOTHING_SET) if department_id else NOTHING_SET
        said = self.own.overflow_allowed if values.overflow_allowed is None else values.overflow_allowed
        return bool(said)


def limits_of(*, tenant_id: UUID) -> TenantLimits:
    """One query, in a scope of its own."""
    with tenant_scope(tenant_id):
        rows = {row.department_id: _values(row) for row in UsageLimit.objects.filter(tenant_id=tenant_id)}
    return TenantLimits(
        tenant_id=tenant_id,
        own=rows.get(None, NOTHING_SET),
        departments={key: values for key, values in rows.items() if key is not None},
    )


@transaction.atomic
def tenant_limits_set(*, principal: Principal, tenant_id: UUID, values: LimitValues) -> LimitValues:
    """Of the tenant as a whole: for the platform's administrators. The same values again are no change.

    Raises Forbidden, NotFound, InvalidInput naming the field.
    """
    if not principal.is_platform_admin:
        raise Forbidden(
            code="not_platform_admin",
            detail=_("Only the platform’s administrators set the limits of an organisation."),
            remedy=_("Ask the platform’s administrator, or limit single departments."),
        )
    _check(values)
    with scoped(Scope(platform=True)):
        tenant_get(tenant_id=tenant_id)
    with scoped(Scope(tenant_id=tenant_id, actor=principal.actor, unrestricted=True)):
        _write(tenant_id, None, values, actor=principal.actor, target=f"tenant:{tenant_id}")
    return values


@transaction.atomic
def department_limits_set(
    *, principal: Principal, department: Department, values: LimitValues
) -> LimitValues:
    """For administrators of the tenant. The same values again are no change. Raises Forbidden, InvalidInput."""
    if not principal.is_admin:
        raise Forbidden(
            code="not_tenant_admin",
            detail=_("Only the organisation’s administrators set the limits of its departments."),
            remedy=_("Ask an administrator of the whole organisation."),
        )
    _check(values)
    held = department_hold(principal=principal, department=department)
    _write(held.tenant_id, held.pk, values, actor=principal.actor, target=f"department:{held.pk}")
    return values


def _write(
    tenant_id: UUID, department_id: UUID | None, values: LimitValues, *, actor: str, target: str
) -> None:
    of_tenant = UsageLimit.objects.filter(tenant_id=tenant_id)
    own = (
        of_tenant.filter(department=None)
        if department_id is None
        else of_tenant.filter(department_id=department_id)
    )
    before = own.first()
    if values == (NOTHING_SET if before is None else _values(before)):
        return
    if before is None:
        UsageLimit.objects.create(tenant_id=tenant_id, department_id=department_id, **asdict(values))
    else:
        own.update(**asdict(values))
    record(tenant_id=tenant_id, actor=actor, action="limits.changed", target=target, **asdict(values))


def _check(values: LimitValues) -> None:
    for name in ("requests_per_minute", "tokens_per_minute", "concurrency"):
        value = getattr(values, name)
        if value is not None and not 1 <= value <= MOST_LIMIT:
            raise _out_of_range(name, MOST_LIMIT)
    if not 1 <= values.weight <= MOST_WEIGHT:
        raise _out_of_range("weight", MOST_WEIGHT)


def _out_of_range(name: str, most: int) -> InvalidInput:
    return InvalidInput(
        code="invalid_field",
        field=name,
        detail=_("This must be between 1 and %(most)d.") % {"most": most},
        remedy=_("Leave a limit out to have none."),
    )


def _values(row: UsageLimit) -> LimitValues:
    return LimitValues(
        requests_per_minute=row.requests_per_minute,
        tokens_per_minute=row.tokens_per_minute,
        concurrency=row.concurrency,
        weight=row.weight,
        batch_allowed=row.batch_allowed,
        overflow_allowed=row.overflow_allowed,
    )


def _member(id_: UUID, values: LimitValues) -> Member:
    limits = Limits(values.requests_per_minute, values.tokens_per_minute, values.concurrency)
    return Member(str(id_), values.weight, limits)

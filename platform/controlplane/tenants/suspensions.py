"""Suspending an organisation: nobody acts in it until it is resumed, and nothing of it is deleted.

Who may act is asked wherever a credential becomes a principal, and a worker asks when it takes a job and while it has one.
What was let in before goes on to its end: an answer that is being written, a request that is being served.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record, record_of_platform
from controlplane.core.problems import Conflict, Forbidden, InvalidInput, not_found
from controlplane.core.scope import Scope, scoped
from controlplane.tenants.models import Tenant
from controlplane.tenants.services import tenant_lock

LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Suspension:
    """`reason` is for the organisation's administrators and for the platform; it is empty for everybody else."""

    tenant_id: UUID
    name: str
    since: datetime
    reason: str

    def without_reason(self) -> Self:
        return replace(self, reason="")

    def problem(self) -> Forbidden:
        """What every credential of the organisation is answered."""
        problem = Forbidden(
            code="tenant_suspended",
            detail=_("The organisation “%(name)s” is suspended.") % {"name": self.name},
            remedy=_("Nothing was deleted. The administrator of the platform can resume it."),
            tenant=str(self.tenant_id),
            suspended_at=self.since.isoformat(),
        )
        if self.reason:
            problem.extra["reason"] = self.reason
        return problem


def suspension_of(*, tenant_id: UUID) -> Suspension | None:
    """Of a tenant that the scope shows; None for one that works."""
    tenant = Tenant.objects.filter(pk=tenant_id).exclude(suspended_at=None).first()
    if tenant is None or tenant.suspended_at is None:
        return None
    return Suspension(tenant.pk, tenant.name, tenant.suspended_at, tenant.suspension_reason)


@transaction.atomic
def tenant_suspend(*, actor: str, tenant_id: UUID, reason: str) -> Tenant:
    """For the platform's administrators, as the caller has checked. Again with the same reason is no error.

    Raises NotFound, InvalidInput, Conflict.
    """
    reason = " ".join(reason.replace("\x00", "").split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise InvalidInput(
            code="invalid_field",
            field="reason",
            detail=_("Say why, in at most %(most)s characters.") % {"most": LONGEST_REASON},
            remedy=_("The organisation’s administrators will read it."),
        )
    tenant = _locked(tenant_id)
    if tenant.suspended_at is None:
        _write(tenant, actor, suspended_at=timezone.now(), suspension_reason=reason)
        _record(tenant, actor, "tenant.suspended", reason=reason)
    elif tenant.suspension_reason != reason:
        raise Conflict(
            code="already_suspended",
            field="reason",
            detail=_("The organisation is suspended already, for another reason."),
            remedy=_("Resume it first, if the reason is to be another one."),
        )
    return tenant


@transaction.atomic
def tenant_resume(*, actor: str, tenant_id: UUID) -> Tenant:
    """As it was: people, keys and documents, and its jobs within seconds. One that works is no error. Raises NotFound."""
    tenant = _locked(tenant_id)
    if tenant.suspended_at is not None:
        since = tenant.suspended_at.isoformat()
        _write(tenant, actor, suspended_at=None, suspension_reason="")
        _record(tenant, actor, "tenant.resumed", since=since)
    return tenant


def _locked(tenant_id: UUID) -> Tenant:
    """Whoever changes rights in the tenant at this moment is done before, or is refused after."""
    with scoped(Scope(tenant_id=tenant_id, unrestricted=True, platform=True)):
        tenant_lock(tenant_id=tenant_id)
        tenant = Tenant.objects.select_for_update(no_key=True).filter(pk=tenant_id).first()
    if tenant is None:
        raise not_found(kind=_("organisation"), id=tenant_id)
    return tenant


def _write(tenant: Tenant, actor: str, **values: Any) -> None:
    for name, value in values.items():
        setattr(tenant, name, value)
    with scoped(Scope(actor=actor, platform=True)):
        tenant.save(update_fields=list(values))


def _record(tenant: Tenant, actor: str, action: str, **data: str) -> None:
    event = {"actor": actor, "action": action, "target": f"tenant:{tenant.pk}", **data}
    with scoped(Scope(actor=actor)):
        record_of_platform(**event, slug=tenant.slug)
    with scoped(Scope(tenant_id=tenant.pk, actor=actor, unrestricted=True)):
        record(tenant_id=tenant.pk, **event)

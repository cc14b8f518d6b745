"""Who is asking, and what follows from it."""

from dataclasses import dataclass, field
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope
from controlplane.core.secrecy import Secrecy


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person in one tenant, or an API key.

    `read_departments` and `write_departments` are already widened to everything beneath the departments of the
    membership or key. A tenant administrator (`is_admin`) has every department of the tenant in both.
    """

    actor: str
    tenant_id: UUID | None
    name: str
    user_id: UUID | None = None
    read_departments: frozenset[UUID] = field(default_factory=frozenset)
    write_departments: frozenset[UUID] = field(default_factory=frozenset)
    is_admin: bool = False
    is_platform_admin: bool = False
    clearance: Secrecy = Secrecy.PUBLIC
    scopes: frozenset[str] = field(default_factory=frozenset)

    # What DRF and the throttles expect of a user.
    is_authenticated = True

    @property
    def pk(self) -> str:
        return self.actor

    @property
    def tenant(self) -> UUID:
        """The tenant that the request is about. Raises Forbidden for somebody who belongs to none."""
        if self.tenant_id is None:
            raise Forbidden(
                code="no_tenant",
                detail=_("You are not a member of any organisation."),
                remedy=_("Ask an administrator for a membership."),
            )
        return self.tenant_id

    def scope(self) -> Scope:
        return Scope(
            tenant_id=self.tenant_id,
            user_id=self.user_id,
            actor=self.actor,
            department_ids=self.read_departments,
            clearance=self.clearance,
            platform=self.is_platform_admin,
        )

    def require_write(self, department_id: UUID) -> None:
        """Raise Forbidden unless the principal may change what belongs to the department."""
        if department_id not in self.write_departments:
            raise Forbidden(
                code="department_not_writable",
                detail=_("You may not change anything in this department."),
                remedy=_("Ask an administrator for the knowledge manager's role in it."),
            )

    def require_clearance(self, secrecy: Secrecy) -> None:
        """Raise Forbidden when `secrecy` is above the principal's clearance."""
        if secrecy > self.clearance:
            raise Forbidden(
                code="above_clearance",
                field="secrecy",
                detail=_("The secrecy level is above your clearance."),
                remedy=_("Choose a level up to “%(level)s”.") % {"level": self.clearance.label},
            )

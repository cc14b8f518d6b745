"""Who is asking, and what follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Forbidden
from controlplane.core.scope import Scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.tenants.suspensions import Suspension

MEMBER_SCOPES: frozenset[str] = frozenset({KeyScope.CHAT, KeyScope.SEARCH, KeyScope.DOCUMENTS_READ})


@dataclass(frozen=True, slots=True)
class Principal:
    """A signed-in person in one tenant, or an API key.

    `clearances` holds the departments that may be read, each with the highest secrecy that may be read there; like
    `write_departments` and `admin_departments` it is already widened to everything beneath the departments of the
    memberships or of the key. `is_admin`: administers the whole tenant, from the root of its departments down.
    `department_id`: the one that a key was made for. `belongs`: the departments of the memberships or of the key, with all
    those above them. `by_token`: a chat acts for the person, with what `lent` leaves of their rights. `suspension`: of the
    organisation that the request is about, where the principal then holds nothing.
    """

    actor: str
    tenant_id: UUID | None
    name: str
    user_id: UUID | None = None
    department_id: UUID | None = None
    clearances: Mapping[UUID, Secrecy] = field(default_factory=dict)
    belongs: frozenset[UUID] = field(default_factory=frozenset)
    write_departments: frozenset[UUID] = field(default_factory=frozenset)
    admin_departments: frozenset[UUID] = field(default_factory=frozenset)
    is_admin: bool = False
    is_platform_admin: bool = False
    scopes: frozenset[str] = field(default_factory=frozenset)
    expires_at: datetime | None = None
    key_last_used_at: datetime | None = None
    by_token: bool = False
    suspension: Suspension | None = None
    # Of tenant and department as notes have them, which are written with each request.
    tenant_hex: str = field(init=False, repr=False, compare=False, default="")
    department_hex: str | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        # frozen: this is the way its own constructor takes
        object.__setattr__(self, "tenant_hex", self.tenant_id.hex if self.tenant_id else "")
        object.__setattr__(self, "department_hex", self.department_id.hex if self.department_id else None)

    # What DRF and the throttles expect of a user.
    is_authenticated = True

    @property
    def pk(self) -> str:
        return self.actor

    @property
    def is_key(self) -> bool:
        return self.actor.startswith("key:")

    @property
    def read_departments(self) -> frozenset[UUID]:
        return frozenset(self.clearances)

    @property
    def clearance(self) -> Secrecy:
        """The highest that holds anywhere: for showing, never for deciding."""
        return max(self.clearances.values(), default=Secrecy.PUBLIC)

    @property
    def tenant(self) -> UUID:
        """The tenant that the request is about. Raises Forbidden for somebody who belongs to none, or to a suspended one."""
        if self.suspension is not None:
            raise self.suspension.problem()
        if self.tenant_id is None:
            raise Forbidden(
                code="no_tenant",
                detail=_("You are not a member of any organisation."),
                remedy=_("Ask an administrator for a membership."),
            )
        return self.tenant_id

    @property
    def review_departments(self) -> frozenset[UUID]:
        """Those whose conversations may be read, whoever held them.

        A person's right to look after a department's knowledge. A key needs more than the right to write documents, which
        programs are given that have no business with what people ask.
        """
        return self.admin_departments if self.is_key else self.write_departments

    def lent(self) -> "Principal":
        """What a chat may do that acts for this person: no more than any member, whatever the person may do besides."""
        return replace(
            self,
            scopes=self.scopes & MEMBER_SCOPES,
            write_departments=frozenset(),
            admin_departments=frozenset(),
            is_admin=False,
            is_platform_admin=False,
            by_token=True,
        )

    def suspended(self, suspension: Suspension) -> "Principal":
        """What is left to a person whose organisation is suspended: who they are, and the platform that they administer."""
        return Principal(
            actor=self.actor,
            tenant_id=None,
            name=self.name,
            user_id=self.user_id,
            is_platform_admin=self.is_platform_admin,
            suspension=suspension if self.is_admin else suspension.without_reason(),
        )

    @property
    def is_suspended(self) -> bool:
        return self.suspension is not None

    def scope(self) -> Scope:
        return Scope(
            tenant_id=self.tenant_id,
            user_id=self.user_id,
            actor=self.actor,
            clearances=self.clearances,
            belongs=self.belongs,
            reviews=self.review_departments,
            administers=bool(self.admin_departments),
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

    def require_admin(self, department_id: UUID) -> None:
        """Raise Forbidden unless the principal may decide who belongs to the department."""
        if department_id not in self.admin_departments:
            raise Forbidden(
                code="department_not_administered",
                detail=_("You do not administer this department."),
                remedy=_("Ask an administrator of the department or of one above it."),
            )

    def require_clearance(self, secrecy: Secrecy, department_id: UUID) -> None:
        """Raise Forbidden when `secrecy` is above the principal's clearance in the department."""
        cleared = self.clearances.get(department_id, Secrecy.PUBLIC)
        if secrecy > cleared:
            raise Forbidden(
                code="above_clearance",
                field="secrecy",
                detail=_("The secrecy level is above your clearance."),
                remedy=_("Choose a level up to “%(level)s”.") % {"level": cleared.label},
            )

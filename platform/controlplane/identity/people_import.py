"""Bringing in a list of people: first what each line would do, then all of them or none."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from controlplane.core.problems import Forbidden, InvalidInput, Problem
from controlplane.core.scope import platform_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import User
from controlplane.identity.passwords import password_generate
from controlplane.identity.people import check_grant, check_ours, member_change
from controlplane.identity.people_file import PeopleLine, clearance_of, role_of
from controlplane.identity.principal import Principal
from controlplane.identity.selectors import principal_now
from controlplane.identity.services import user_create
from controlplane.tenants.models import Department, Membership, Role
from controlplane.tenants.services import membership_set, tenant_lock

Outcome = Literal["new", "join", "change", "same", "error"]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """What the line does: `new` makes the person too, `join` only the membership, `same` nothing."""

    line: PeopleLine
    outcome: Outcome
    error: str = ""
    department: Department | None = None
    role: Role = Role.MEMBER
    clearance: Secrecy = Secrecy.PUBLIC
    user_id: UUID | None = None
    membership_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    lines: Sequence[PlannedLine]

    @property
    def errors(self) -> list[PlannedLine]:
        return [line for line in self.lines if line.outcome == "error"]

    @property
    def counts(self) -> Mapping[str, int]:
        return dict(Counter(line.outcome for line in self.lines))

    @property
    def new_people(self) -> list[PlannedLine]:
        """The first line of each person who has no account."""
        first: dict[str, PlannedLine] = {}
        for planned in self.lines:
            if planned.outcome == "new":
                first.setdefault(planned.line.email, planned)
        return list(first.values())


@dataclass(frozen=True, slots=True)
class InitialPassword:
    email: str
    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Imported:
    plan: ImportPlan
    passwords: Sequence[InitialPassword] = field(default_factory=tuple)


def people_plan(*, principal: Principal, lines: Sequence[PeopleLine]) -> ImportPlan:
    """Writes nothing; a handful of queries, however many lines."""
    if principal.is_key:
        raise Forbidden(
            code="key_sets_password",
            detail=_("An API key may not make an account that somebody signs in with."),
            remedy=_("Let an administrator who has signed in add new people."),
        )
    known = _Known(principal, lines)
    return ImportPlan([known.planned(line) for line in lines])


@transaction.atomic
def people_import(*, principal: Principal, lines: Sequence[PeopleLine]) -> Imported:
    """Everything or nothing, with the initial passwords, which nobody sees again. Raises InvalidInput with `lines`."""
    passwords = {
        planned.line.email: InitialPassword(planned.line.email, planned.line.name, password_generate())
        for planned in _without_errors(people_plan(principal=principal, lines=lines)).new_people
    }
    hashes = {email: make_password(initial.password) for email, initial in passwords.items()}
    tenant_lock(tenant_id=principal.tenant)
    principal = principal_now(principal=principal)
    plan = _without_errors(people_plan(principal=principal, lines=lines))
    made: dict[str, UUID] = {}
    for planned in plan.lines:
        email = planned.line.email
        if planned.outcome == "new" and email not in made:
            made[email] = user_create(
                actor=principal.actor,
                email=email,
                name=planned.line.name,
                password=passwords[email].password,
                hashed=hashes[email],
            ).pk
        _carry_out(principal, replace(planned, user_id=planned.user_id or made.get(email)))
    return Imported(plan, list(passwords.values()))


def _carry_out(principal: Principal, planned: PlannedLine) -> None:
    if planned.outcome == "change" and planned.membership_id is not None:
        member_change(
            principal=principal,
            membership_id=planned.membership_id,
            role=planned.role,
            clearance=planned.clearance,
        )
    elif (
        planned.outcome in ("new", "join") and planned.department is not None and planned.user_id is not None
    ):
        membership_set(
            tenant_id=principal.tenant,
            actor=principal.actor,
            user_id=planned.user_id,
            department=planned.department,
            role=planned.role,
            clearance=planned.clearance,
        )


def _without_errors(plan: ImportPlan) -> ImportPlan:
    if plan.errors:
        raise InvalidInput(
            code="import_has_errors",
            field="file",
            detail=_("%(count)s lines cannot be taken over. Nothing was changed.")
            % {"count": len(plan.errors)},
            remedy=_("Correct these lines, and send the file again."),
            lines=[{"line": planned.line.number, "detail": planned.error} for planned in plan.errors],
        )
    return plan


class _LineError(Exception):
    """Why a line cannot be taken over, in the reader's language."""


class _Known:
    """What the lines are compared with, read at once."""

    def __init__(self, principal: Principal, lines: Sequence[PeopleLine]) -> None:
        self._principal = principal
        self._seen: set[tuple[str, UUID]] = set()
        departments = list(
            Department.objects.filter(tenant_id=principal.tenant, pk__in=principal.admin_departments)
        )
        self._departments = {d.slug: d for d in departments}
        self._folded = _unambiguous((d.name.lower(), d) for d in departments)
        self._folded |= _unambiguous((d.slug.lower(), d) for d in departments)
        emails = {line.email for line in lines}
        with platform_scope():  # an address may be taken by somebody whom the tenant does not see
            self._users = {u.email: u for u in User.objects.filter(email__in=emails)}
        present = Membership.objects.filter(
            tenant_id=principal.tenant, user_id__in=[u.pk for u in self._users.values()]
        )
        self._memberships = {(m.user_id, m.department_id): m for m in present}
        self._members = {m.user_id for m in self._memberships.values()}

    def planned(self, line: PeopleLine) -> PlannedLine:
        try:
            return self._planned(line)
        except _LineError as error:
            return PlannedLine(line=line, outcome="error", error=str(error))
        except Problem as problem:
            words = " ".join(str(part) for part in (problem.detail, problem.remedy) if part)
            return PlannedLine(line=line, outcome="error", error=words)

    def _planned(self, line: PeopleLine) -> PlannedLine:
        _check_texts(line)
        department, user = self._department(line), self._users.get(line.email)
        if (line.email, department.pk) in self._seen:
            raise _LineError(_("The person and the department stand in an earlier line."))
        self._seen.add((line.email, department.pk))
        present = self._memberships.get((user.pk, department.pk)) if user else None
        role, clearance = _asked(line, present)
        planned = PlannedLine(line=line, outcome="new", department=department, role=role, clearance=clearance)
        if present is not None:
            return self._of_member(present, department, planned)
        check_grant(self._principal, department, role, clearance)
        if user is not None:
            if user.pk not in self._members:
                check_ours(self._principal.tenant, user)
            return replace(planned, outcome="join", user_id=user.pk)
        if not line.name:
            raise _LineError(_("A person who is new needs a name."))
        return planned

    def _of_member(self, present: Membership, department: Department, planned: PlannedLine) -> PlannedLine:
        planned = replace(planned, user_id=present.user_id, membership_id=present.pk)
        if (present.role, present.clearance) == (planned.role, planned.clearance):
            return replace(planned, outcome="same")
        check_grant(self._principal, department, planned.role, planned.clearance)
        check_grant(self._principal, department, Role(present.role), Secrecy(present.clearance))
        return replace(planned, outcome="change")

    def _department(self, line: PeopleLine) -> Department:
        found = self._departments.get(line.department) or self._folded.get(line.department.lower())
        if found is None:
            raise _LineError(
                _("You administer no department “%(department)s”.") % {"department": line.department}
            )
        return found


def _unambiguous(named: Iterable[tuple[str, Department]]) -> dict[str, Department]:
    pairs = list(named)
    counts = Counter(name for name, _department in pairs)
    return {name: department for name, department in pairs if counts[name] == 1}


def _asked(line: PeopleLine, present: Membership | None) -> tuple[Role, Secrecy]:
    """What the line says; where it says nothing, what the person has, or what everybody gets who is new."""
    role: Role | None = Role(present.role) if present else Role.MEMBER
    clearance: Secrecy | None = Secrecy(present.clearance) if present else Secrecy.INTERNAL
    role = role_of(line.role) if line.role else role
    clearance = clearance_of(line.clearance) if line.clearance else clearance
    if role is None:
        raise _LineError(_("There is no role “%(role)s”.") % {"role": line.role})
    if clearance is None:
        raise _LineError(_("There is no clearance “%(level)s”.") % {"level": line.clearance})
    return role, clearance


def _check_texts(line: PeopleLine) -> None:
    try:
        validate_email(line.email)
    except ValidationError as error:
        raise _LineError(_("“%(email)s” is no e-mail address.") % {"email": line.email}) from error
    if len(line.email) > 254 or len(line.name) > 200:
        raise _LineError(_("The address or the name is too long."))

"""What the database lets the current transaction see.

A scope is written into the transaction with `SET LOCAL` (as `set_config(…, true)`); the row-level security policies of
`core.rls` read it there. Outside a scope every tenant-owned table is empty: a forgotten scope shows nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from controlplane.core.secrecy import Secrecy

_HOLDER = "karez_scope"


class ScopeError(RuntimeError):
    """A scope was set outside a transaction, where `SET LOCAL` would silently do nothing."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Sight of one transaction.

    `clearances` has the departments that may be read, each with the highest secrecy that may be read there. `belongs` has
    those that somebody belongs to, with all above them: what is opened to a department is opened to everything beneath it.
    `reviews` has those whose conversations may be read, whoever held them. `administers` allows changing who belongs where.
    `unrestricted` lifts the department and secrecy filters inside the tenant (indexing and housekeeping need that); it
    never lifts the tenant's. `platform` shows the list of tenants and the people, and nothing that a tenant owns. The last
    two fields show the one row that belongs to a credential somebody presented, before its tenant is known.
    """

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    actor: str = ""
    clearances: Mapping[UUID, Secrecy] = field(default_factory=dict)
    belongs: frozenset[UUID] = frozenset()
    reviews: frozenset[UUID] = frozenset()
    unrestricted: bool = False
    administers: bool = False
    platform: bool = False
    login_email: str = ""
    key_hash: str = ""

    def as_settings(self) -> dict[str, str]:
        return {
            "app.tenant_id": str(self.tenant_id or ""),
            "app.user_id": str(self.user_id or ""),
            "app.actor": self.actor,
            **{f"app.departments_{level:d}": self._cleared_for(level) for level in Secrecy},
            "app.belongs": _array(self.belongs),
            "app.reviews": _array(self.reviews),
            "app.administers": "on" if self.administers else "",
            "app.unrestricted": "on" if self.unrestricted else "",
            "app.platform": "on" if self.platform else "",
            "app.login_email": self.login_email.lower(),
            "app.key_hash": self.key_hash,
        }

    def _cleared_for(self, level: Secrecy) -> str:
        """The departments in which documents of that level may be read."""
        return _array(id_ for id_, clearance in self.clearances.items() if clearance >= level)


def _array(ids: Iterable[UUID]) -> str:
    """PostgreSQL's literal of an array."""
    return "{" + ",".join(sorted(map(str, ids))) + "}"


def current_scope() -> Scope:
    """The sight of the running transaction; an empty one where none was set in it."""
    block, scope = getattr(_connection(), _HOLDER, (None, Scope()))
    return scope if block is not None and block is _outermost() else Scope()


def enter_scope(scope: Scope) -> None:
    """Give the rest of the running transaction this sight. For request handlers, whose transaction ends with them.

    Raises ScopeError outside a transaction.
    """
    if not _connection().in_atomic_block:
        raise ScopeError("a scope needs a transaction: use scoped(), or ATOMIC_REQUESTS")
    _write(scope)


@contextmanager
def scoped(scope: Scope) -> Iterator[None]:
    """Run the block in a transaction (or savepoint) that sees what `scope` allows; the outer sight returns after it."""
    outer = current_scope()
    with transaction.atomic():
        _write(scope)
        try:
            yield
            if len(_connection().atomic_blocks) > 1:
                _write(outer)
        except BaseException:
            _remember(outer)  # the rollback restores PostgreSQL's side by itself
            raise


def _connection() -> BaseDatabaseWrapper:
    return connections[DEFAULT_DB_ALIAS]


def _outermost() -> object | None:
    blocks = _connection().atomic_blocks
    return blocks[0] if blocks else None


def _remember(scope: Scope) -> None:
    # Kept with the transaction it was set in: what is left over from an earlier one never counts.
    setattr(_connection(), _HOLDER, (_outermost(), scope))


def _write(scope: Scope) -> None:
    settings = scope.as_settings()
    calls = ", ".join("set_config(%s, %s, true)" for _ in settings)
    with _connection().cursor() as cursor:
        cursor.execute(f"SELECT {calls}", [part for pair in settings.items() for part in pair])
    _remember(scope)


@contextmanager
def tenant_scope(tenant_id: UUID) -> Iterator[None]:
    """The platform's own work inside one tenant: tasks, management commands, services that act for nobody."""
    with scoped(Scope(tenant_id=tenant_id, unrestricted=True)):
        yield


@contextmanager
def platform_scope() -> Iterator[None]:
    """Sight of tenants and people, for the platform administrator and for walking over all tenants."""
    with scoped(Scope(platform=True)):
        yield

"""The hash of a link, computed independently of the database that wrote it."""

import hashlib
from dataclasses import dataclass
from uuid import UUID

# Stands where a tenant's id would; no tenant has it, for ids are made from the time.
PLATFORM_CHAIN = UUID(int=0)
GENESIS = "0" * 64
SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Link:
    """An event as stored: `at` in UTC with microseconds and a Z, `data` as PostgreSQL prints the jsonb."""

    tenant_id: UUID
    sequence: int
    at: str
    actor: str
    action: str
    target: str
    data: str
    previous_hash: str
    hash: str

    def computed_hash(self) -> str:
        parts = (
            self.previous_hash,
            str(self.tenant_id),
            str(self.sequence),
            self.at,
            self.actor,
            self.action,
            self.target,
            self.data,
        )
        return hashlib.sha256(SEPARATOR.join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Break:
    """The first place where the chain doesn't hold, and why."""

    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verification:
    links: int
    first_break: Break | None

    @property
    def intact(self) -> bool:
        return self.first_break is None

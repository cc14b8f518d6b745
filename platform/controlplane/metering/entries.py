"""One request in the ledger, as it travels from the process that served it to the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self, TypedDict
from uuid import UUID

from controlplane.metering.journal.slots import NOT_YET, Counters

# given: to its end. rejected: by Karez, before an engine was asked. failed: no engine answered, or one broke off.
# stopped: the client hung up. interrupted: the process that served it was killed.
Outcome = Literal["given", "rejected", "failed", "stopped", "interrupted"]

_LONGEST_NAME = 200
_MOST = 2**31 - 1


def admission_note(
    *,
    id: str,  # noqa: A002 - the field's own name
    tenant: str,
    department: str | None,
    actor: str,
    end_user: str,
    call: str,
    model: str,
    is_streamed: bool,
    at: float,
    is_audited: bool,
) -> dict[str, Any]:
    """An `Admission` as the journal keeps it, made with each request. Ids are hexadecimal, `at` is in seconds since 1970.

    Names are cut: they come from outside, and a slot has a fixed size.
    """
    return {
        "id": id,
        "tenant": tenant,
        "department": department,
        "actor": actor,
        "end_user": _storable(end_user) if end_user else "",
        "call": call,
        "model": _storable(model),
        "streamed": is_streamed,
        "at": at,
        "audited": is_audited,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """A request as it came in. `call` is the path below /v1, `model` the name that was asked for, `end_user` what the client
    says of its own user. `department_id` is the key's; None for a person. `route` and `route_reason`: what was chosen for a
    request that left the choice of the model to the platform, and why; or who was asked, where another one stood in.
    `is_audited`: the trail is written by who answers it."""

    id: UUID
    tenant_id: UUID
    department_id: UUID | None
    actor: str
    end_user: str
    call: str
    model: str
    is_streamed: bool
    admitted_at: datetime
    is_audited: bool = False
    route: str = ""
    route_reason: str = ""

    def noted(self) -> dict[str, Any]:
        return admission_note(
            id=self.id.hex,
            tenant=self.tenant_id.hex,
            department=self.department_id.hex if self.department_id else None,
            actor=self.actor,
            end_user=self.end_user,
            call=self.call,
            model=self.model,
            is_streamed=self.is_streamed,
            at=self.admitted_at.timestamp(),
            is_audited=self.is_audited,
        )

    @classmethod
    def read(cls, note: dict[str, Any]) -> Self:
        return cls(
            id=UUID(note["id"]),
            tenant_id=UUID(note["tenant"]),
            department_id=UUID(note["department"]) if note["department"] else None,
            actor=note["actor"],
            end_user=note["end_user"],
            call=note["call"],
            model=note["model"],
            is_streamed=note["streamed"],
            admitted_at=datetime.fromtimestamp(note["at"], UTC),
            is_audited=note["audited"],
            route=_storable(note.get("route", "")),
            route_reason=note.get("route_reason", ""),
        )


class EndingNote(TypedDict):
    """An `Ending` as the journal keeps it. What is left out is as there."""

    outcome: Outcome
    code: str
    deployment: str
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    is_estimated: bool
    queue_ms: int
    first_token_ms: int | None
    total_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended. Times are milliseconds since the admission, `first_token_ms` None without one; `code` is the error's.

    `is_estimated`: no engine counted the tokens; `completion_tokens` are the pieces of text that came.
    """

    outcome: Outcome
    code: str = ""
    deployment: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    queue_ms: int = 0
    first_token_ms: int | None = None
    total_ms: int | None = None

    def noted(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Ending.__slots__}


@dataclass(frozen=True, slots=True)
class Entry:
    """A request that is over."""

    admission: Admission
    ending: Ending

    @classmethod
    def read(cls, note: dict[str, Any]) -> Self:
        fields = {name: _bounded(note[name]) for name in Ending.__slots__ if name in note}
        return cls(Admission.read(note), Ending(**fields))

    @classmethod
    def interrupted(cls, note: dict[str, Any], counters: Counters) -> Self:
        """Of a request whose process was killed: what had come of its answer counts."""
        return cls(
            Admission.read(note),
            Ending(
                outcome="interrupted",
                code="gateway_interrupted",
                deployment=note.get("deployment", ""),
                prompt_tokens=counters.prompt,
                cached_tokens=counters.cached,
                completion_tokens=counters.completion or counters.pieces,
                reasoning_tokens=counters.reasoning,
                is_estimated=not counters.completion,
                first_token_ms=None if counters.first_token_ms == NOT_YET else counters.first_token_ms,
            ),
        )


def _storable(name: str) -> str:
    """PostgreSQL's text has no NUL."""
    return name[:_LONGEST_NAME].replace("\x00", "")


def _bounded(value: Any) -> Any:
    """An engine may count what it likes: a column holds 31 bits."""
    if isinstance(value, str):
        return _storable(value)
    return min(max(value, 0), _MOST) if isinstance(value, int) and not isinstance(value, bool) else value

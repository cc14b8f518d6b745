"""Keeps account of one request while it is served, without asking anybody."""

import time
from functools import cache
from pathlib import Path

import uuid_utils
from django.conf import settings
from django.utils.translation import gettext as _

from controlplane.core.problems import Problem, Unavailable
from controlplane.identity.principal import Principal
from controlplane.metering.entries import EndingNote, Outcome, admission_note
from controlplane.metering.journal import Journal, JournalFull, Slot
from controlplane.metering.journal.slots import NOT_YET, Counters
from inference.messages import Usage


class Meter:
    """Of one request, from the moment its caller is known.

    `audited`: the trail is written by who answers it. End it with `settle`, always; a second call does nothing.
    """

    __slots__ = (
        "_began",
        "_deployment",
        "_first_token_ms",
        "_note",
        "_pieces",
        "_queue_ms",
        "_settled",
        "_slot",
        "_usage",
    )

    def __init__(
        self,
        *,
        principal: Principal,
        call: str,
        model: str,
        end_user: str,
        streamed: bool,
        audited: bool = False,
    ) -> None:
        self._began = time.monotonic()
        _tenant = principal.tenant  # raises for somebody who belongs to none
        self._note = admission_note(
            id=uuid_utils.uuid7().hex,
            tenant=principal.tenant_hex,
            department=principal.department_hex,
            actor=principal.actor,
            end_user=end_user,
            call=call,
            model=model,
            is_streamed=streamed,
            at=time.time(),
            is_audited=audited,
        )
        self._slot: Slot | None = None
        self._deployment = ""
        self._usage: Usage | None = None
        self._pieces = 0
        self._queue_ms = 0
        self._first_token_ms: int | None = None
        self._settled = False

    @property
    def tokens(self) -> int | None:
        """What the engine counted, prompt and answer; None where it has not."""
        usage = self._usage
        return usage.prompt_tokens + usage.completion_tokens if usage else None

    def waited(self, *, seconds: float) -> None:
        """It waited so long for its turn at an engine."""
        self._queue_ms = round(seconds * 1000)

    def dispatch(self, *, deployment: str, route: str = "", reason: str = "") -> None:
        """An engine is about to get it: from here on it is in the journal, whatever happens. `route` and `reason`: what was
        chosen for a request that left it open.

        Raises Unavailable when the journal takes no more.
        """
        self._deployment = deployment
        if route:
            self._note["route"], self._note["route_reason"] = route, reason
        if self._slot is not None:
            return
        self._note["deployment"] = deployment
        try:
            self._slot = journal().admit(self._note)
        except JournalFull as error:
            raise Unavailable(
                code="metering_unavailable",
                detail=_("The use of the platform cannot be recorded at the moment, so nothing is answered."),
                remedy=_("Ask the operator to make room on the disk."),
                retry_after=30,
            ) from error

    def answered_by(self, *, deployment: str, route: str = "", reason: str = "") -> None:
        """As `dispatch`, where it is known only at the end; `deployment` is empty when none was asked."""
        self._deployment = deployment
        if route:
            self._note["route"], self._note["route_reason"] = route, reason

    def counted(self, *, usage: Usage | None, pieces: int) -> None:
        """How far the answer has come: the engine's count where there is one, and the pieces of text."""
        is_first = self._first_token_ms is None and pieces > 0
        if is_first:
            self._first_token_ms = self._passed()
        is_other = is_first or usage is not self._usage
        self._usage, self._pieces = usage, pieces
        if self._slot is None:
            return
        if is_other:
            self._slot.count(self._counters())
        else:
            self._slot.count_pieces(pieces)

    def given(self, *, usage: Usage | None) -> None:
        """It was answered as a whole."""
        self._usage = usage
        self.settle(outcome="given")

    def settle(self, *, outcome: Outcome, code: str = "") -> None:
        """It is over."""
        if self._settled:
            return
        self._settled = True
        usage = self._usage or Usage(prompt_tokens=0, completion_tokens=self._pieces)
        ending: EndingNote = {
            "outcome": outcome,
            "code": code,
            "deployment": self._deployment,
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "is_estimated": self._usage is None and self._pieces > 0,
            "queue_ms": self._queue_ms,
            "first_token_ms": self._first_token_ms,
            "total_ms": self._passed(),
        }
        if self._slot is not None:
            self._slot.settle(ending)
        else:
            journal().append({**self._note, **ending})

    def failed(self, problem: Problem) -> None:
        """It ended with an error: before an engine had it, or after."""
        self.settle(outcome="rejected" if self._slot is None else "failed", code=problem.code)

    def _passed(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def _counters(self) -> Counters:
        usage = self._usage
        first = NOT_YET if self._first_token_ms is None else self._first_token_ms
        if usage is None:
            return Counters(pieces=self._pieces, first_token_ms=first)
        return Counters(
            usage.prompt_tokens,
            usage.cached_tokens,
            usage.completion_tokens,
            usage.reasoning_tokens,
            self._pieces,
            first,
        )


def journal_directory() -> Path:
    """Of all processes on this machine."""
    return Path(settings.ENV.state_dir) / "journal"


@cache
def journal() -> Journal:
    """This process's own."""
    return Journal(directory=journal_directory())

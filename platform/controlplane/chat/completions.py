"""Completions that an engine answers without documents: recorded in the audit trail, their text kept nowhere."""

import logging

from django.db import OperationalError

from controlplane.audit.services import record
from controlplane.core.models import new_id
from controlplane.core.offload import in_background, in_thread
from controlplane.core.scope import scoped
from controlplane.identity.principal import Principal
from inference.messages import Usage

log = logging.getLogger(__name__)

_NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)


class PassedCompletion:
    """Who asked which model, and how it ended. `failure` and `usage` are filled in while it runs."""

    def __init__(self, *, principal: Principal, model: str, kind: str) -> None:
        self._principal = principal
        self._model = model
        self._kind = kind
        self._id = new_id()
        self._engine = ""
        self._settled = False
        self.usage: Usage | None = None
        self.failure: Exception | None = None

    async def begin(self) -> None:
        """Record the question before the engine gets it."""
        await in_thread(self._record, "question.asked", {"model": self._model, "kind": self._kind})

    def given(self, *, usage: Usage | None, engine: str) -> None:
        """The answer is complete."""
        self.usage, self._engine = usage, engine

    async def settle(self) -> None:
        """Record how it ended, once: given, failed, or stopped by a client that hung up."""
        if self._settled:
            return
        self._settled = True
        usage = self.usage or _NO_USAGE
        data = {
            "model": self._model,
            "engine": self._engine,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
        }
        try:
            await in_thread(self._record, self._ending(), data)
        except OperationalError:
            log.exception("the end of completion %s was not recorded", self._id)

    def settle_in_background(self) -> None:
        """As `settle`, from a task that may be in the middle of being cancelled."""
        in_background(self.settle())

    def _ending(self) -> str:
        if self._engine:
            return "answer.given"
        return "answer.failed" if self.failure else "answer.stopped"

    def _record(self, action: str, data: dict[str, object]) -> None:
        with scoped(self._principal.scope()):
            record(
                tenant_id=self._principal.tenant,
                actor=self._principal.actor,
                action=action,
                target=f"completion:{self._id}",
                **data,
            )

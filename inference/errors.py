"""What can go wrong between Karez and an engine.

EngineError
├── EngineUnavailable      retryable: refused, 5xx, broken stream
│   ├── EngineFailed       it answered that it failed: 5xx
│   ├── EngineTimeout      no connection, no first token, or silence in the middle
│   │   └── AnswerTimeout  it took the request and did not finish: another replica would not either
│   └── EngineBusy         429 or 503: the engine is up and full
└── EngineRejected         not retryable: 4xx
    ├── ContextTooLong     the prompt, or prompt and answer together, are longer than the model's context
    └── UnknownModel       404, or a name no endpoint serves
"""

from __future__ import annotations

from collections.abc import Sequence


class EngineError(Exception):
    """Root of the family."""


class EngineUnavailable(EngineError):
    """Try again later or elsewhere. ``retry_after`` is in seconds, when the engine named a time."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EngineFailed(EngineUnavailable):
    """It answered 5xx, for this request at least."""


class EngineTimeout(EngineUnavailable):
    """One of the client's own limits passed; the upstream request was aborted."""


class AnswerTimeout(EngineTimeout):
    """The engine was reached and at work when the limit passed: that it is slow does not make it broken."""


class EngineBusy(EngineUnavailable):
    """Admission was refused (429 or 503)."""


class EngineRejected(EngineError):
    """The engine understood the request and will not serve it; the same request fails again."""

    def __init__(self, detail: str, *, status: int) -> None:
        super().__init__(f"HTTP {status}: {detail}")
        self.status = status
        self.detail = detail


class ContextTooLong(EngineRejected):
    """``detail`` tells the limit, in the engine's words."""


class UnknownModel(EngineRejected):
    """``known`` holds the names there are, when the raiser knows them."""

    def __init__(self, detail: str, *, status: int = 404, known: Sequence[str] = ()) -> None:
        super().__init__(detail, status=status)
        self.known = tuple(known)

"""Whether a replica answers: a real request of one token, one word or one pair."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import httpx

from inference.client import EngineClient, EngineTimeouts
from inference.endpoints import EngineEndpoint
from inference.errors import (
    EngineBusy,
    EngineError,
    EngineRejected,
    EngineTimeout,
    UnknownModel,
)
from inference.fleet.state import NO_REASON, Reason

# Busy: it is there and takes no more just now. Late: it took the request and said nothing in time.
ProbeOutcome = Literal["answered", "busy", "late", "missed"]

_MOST_WORDS = 300
_KEY_STATUSES = (401, 403)


@dataclass(frozen=True, slots=True)
class Probe:
    """How it went, after ``seconds``. ``reason`` says why it was not answered."""

    outcome: ProbeOutcome
    seconds: float
    reason: Reason = NO_REASON


async def probe(*, endpoint: EngineEndpoint, http: httpx.AsyncClient, timeout_seconds: float) -> Probe:
    """Ask it. Raises nothing for what the engine or the network does."""
    timeouts = EngineTimeouts(connect=min(5.0, timeout_seconds), probe=timeout_seconds)
    client = EngineClient(endpoint=endpoint, http=http, timeouts=timeouts)
    started = time.monotonic()
    try:
        return Probe("answered", await client.probe())
    except EngineError as error:
        outcome, code = _judged(error)
        return Probe(outcome, time.monotonic() - started, Reason(code, str(error)[:_MOST_WORDS]))


def _judged(error: EngineError) -> tuple[ProbeOutcome, str]:
    match error:
        case EngineBusy():
            return "busy", "busy"
        case EngineTimeout():
            return "late", "no_answer_in_time"
        case UnknownModel():
            return "missed", "model_not_served"
        case EngineRejected(status=status) if status in _KEY_STATUSES:
            return "missed", "key_refused"
        case EngineRejected():
            # It works, and has its own opinion of so short a question.
            return "answered", "probe_refused"
        case _:
            return "missed", "unreachable"

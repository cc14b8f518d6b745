"""Answers from documents in the ledger: what they cost stands beside what goes to an engine as it is."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from controlplane.api.openai.bodies import ChatRequest
from controlplane.api.openai.errors import problem_of
from controlplane.api.openai.passing import OVERFLOW
from controlplane.chat.events import (
    ContentDelta,
    Event,
    Failed,
    Finished,
    ReasoningDelta,
    Started,
    ToldChoice,
)
from controlplane.identity.principal import Principal
from controlplane.metering.meter import Meter

# In the scope: what the ledger calls a request that came in by another name.
CALL = "karez.call"


async def metered(
    *, events: AsyncGenerator[Event, None], call: str, chat: ChatRequest, principal: Principal
) -> AsyncGenerator[Event, None]:
    """The events, with account kept of them. Closing it counts as the client's hanging up.

    The trail is written by the answer service.
    """
    meter = Meter(
        principal=principal,
        call=call,
        model=chat.model,
        end_user=chat.user or "",
        streamed=bool(chat.stream),
        audited=True,
    )
    pieces = 0
    try:
        async with aclosing(events):
            async for event in events:
                match event:
                    case Started():
                        meter.dispatch(deployment="")
                    case ContentDelta() | ReasoningDelta():
                        pieces += 1
                        meter.counted(usage=None, pieces=pieces)
                    case Finished():
                        told = event.choice if event.engine else ToldChoice()
                        meter.answered_by(
                            deployment=event.engine,
                            route=told.overflow_from or told.route,
                            reason=OVERFLOW if told.overflow_from else told.reason,
                        )
                        meter.waited(seconds=event.timings.queue_ms / 1000)
                        meter.counted(usage=event.usage, pieces=pieces)
                        meter.settle(outcome="given")
                    case Failed():
                        meter.failed(event.problem)
                yield event
        meter.settle(outcome="given")
    except Exception as error:
        meter.failed(problem_of(error))
        raise
    finally:
        meter.settle(outcome="stopped")

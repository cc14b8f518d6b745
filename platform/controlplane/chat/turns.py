"""Waiting for one's turn at an engine, and telling the place in the queue meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from controlplane.chat.chosen import Spare
from controlplane.chat.events import Queued
from controlplane.identity.principal import Principal
from controlplane.serving.entrance import Ticket, cost_of, entrance
from inference.endpoints import EngineEndpoint
from inference.messages import Message, Usage


@dataclass(slots=True)
class Turn:
    """Of one answer. Whoever waits for it calls `leave`, however it ends."""

    ticket: Ticket | None = None
    # Whom it is with.
    engines: Sequence[EngineEndpoint] = ()

    async def wait(
        self, *, principal: Principal, engines: Sequence[EngineEndpoint], cost: float, spare: Spare
    ) -> AsyncGenerator[Queued, None]:
        """Ends when the turn has come; at once where nobody keeps the way in. Raises what `Entrance.enter` does."""
        self.engines = engines
        way_in = entrance()
        if way_in is None:
            return
        places: asyncio.Queue[int] = asyncio.Queue()
        same = [engine for engine in engines if engine.name == engines[0].name]
        entering = asyncio.ensure_future(
            way_in.enter(
                principal=principal,
                replicas=same,
                cost=cost,
                told=places.put_nowait,
                spare=spare.engines,
                pressed=spare.pressed,
            )
        )
        try:
            while not entering.done():
                place = asyncio.ensure_future(places.get())
                await asyncio.wait({entering, place}, return_when=asyncio.FIRST_COMPLETED)
                if place.done():
                    yield Queued(place.result())
                place.cancel()
            self.ticket = entering.result()
            if self.ticket.is_spare:
                self.engines = spare.engines
        finally:
            if self.ticket is None:
                await _left(entering)

    @property
    def stands_in(self) -> bool:
        """It is not with whom was asked, but with who stands in."""
        return self.ticket is not None and self.ticket.is_spare

    def leave(self, *, usage: Usage) -> None:
        """The answer is over, or was never begun."""
        if self.ticket is not None:
            self.ticket.leave(tokens=usage.prompt_tokens + usage.completion_tokens or None)

    @property
    def waited_ms(self) -> int:
        """How long it took to come."""
        return round(self.ticket.waited * 1000) if self.ticket else 0


def cost_of_prompt(*, messages: Sequence[Message], params: Mapping[str, Any]) -> float:
    """Tokens that an answer to the prompt will probably use."""
    size = sum(len(message.content.encode()) for message in messages)
    return cost_of(size=size, answer_tokens=params.get("max_completion_tokens") or params.get("max_tokens"))


async def _left(entering: "asyncio.Future[Ticket]") -> None:
    """Out of the queue; a turn that came in this very moment is given back."""
    entering.cancel()
    with suppress(asyncio.CancelledError, Exception):
        (await entering).leave()

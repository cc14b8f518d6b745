"""Makes a follow-up stand alone, with an engine's help where one answers in time."""

import asyncio
import logging
from collections.abc import Sequence

from controlplane.chat.questions import NO_USAGE, ReceivedQuestion
from controlplane.core.problems import Problem
from controlplane.serving.registry import Registry
from inference.client import Completion
from inference.endpoints import EngineEndpoint, reasons
from inference.errors import EngineError
from inference.messages import Usage
from rag.answering import follows_up, joined_question, rewrite_messages, rewritten

log = logging.getLogger(__name__)

_SECONDS, _TOKENS = 8.0, 80
# What a model that reasons needs to think a line over; R1 alone in the house has to do.
_REASONING_SECONDS, _REASONING_TOKENS = 40.0, 1536
_ROUTE = "chat"


async def standalone_question(
    *, registry: Registry, received: ReceivedQuestion, engines: Sequence[EngineEndpoint]
) -> tuple[str, Usage]:
    """The question to search for, and what the engine used to find it."""
    question, turns = received.text, received.turns
    if not follows_up(question=question, turns=turns):
        return question, NO_USAGE
    spent = NO_USAGE
    if engines:
        engine = await _rewriter(registry, engines)
        reply = await _short_answer(registry, engine, received)
        if reply:
            spent = reply.usage or NO_USAGE
            if found := rewritten(answer=reply.content, question=question, turns=turns):
                return found, spent
    return joined_question(question=question, turns=turns), spent


async def _rewriter(registry: Registry, engines: Sequence[EngineEndpoint]) -> EngineEndpoint:
    """The engine that answers, unless it reasons and another one does not."""
    try:
        others = await registry.find_for_route(route=_ROUTE)
    except Problem:
        others = []
    return next((e for e in [*engines, *others] if not reasons(model=e.model)), engines[0])


async def _short_answer(
    registry: Registry, engine: EngineEndpoint, received: ReceivedQuestion
) -> Completion | None:
    """None when it does not answer in time."""
    thinks = reasons(model=engine.model)
    messages = rewrite_messages(question=received.text, turns=received.turns)
    limit = _REASONING_TOKENS if thinks else _TOKENS
    try:
        async with asyncio.timeout(_REASONING_SECONDS if thinks else _SECONDS):
            client = registry.client(endpoint=engine)
            params = {"temperature": 0.6 if thinks else 0, "max_tokens": limit}
            with registry.under_way(endpoint=engine):
                return await client.chat(messages=messages, params=params)
    except (EngineError, TimeoutError) as error:
        log.info("a follow-up was not rewritten: %s", error)
        return None

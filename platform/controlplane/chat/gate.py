"""Asks a small engine, before it answers, whether the passages hold the answer: by itself it would never say no."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inference.client import EngineClient
from inference.errors import EngineError
from inference.messages import Usage, usage_from
from rag.answering import (
    Answerability,
    GateQuestion,
    Prompt,
    gate_probability,
    gate_questions,
    judge_answerability,
)
from rag.answering.answerability import GATE_PARAMETERS
from rag.retrieval import Evidence

log = logging.getLogger(__name__)

# The first of the questions pays for reading the passages, which the answer then needs no more.
_GATE_SECONDS = 60.0


async def passages_answer(
    *, client: EngineClient, prompt: Prompt, question: str, evidence: Evidence
) -> tuple[Answerability, Usage]:
    """Judged from the engine's own probabilities, or from retrieval alone where the engine gives none; and what it cost."""
    gates: list[float | None] = []
    spent = Usage(prompt_tokens=0, completion_tokens=0)
    # One after the other: they share all but their last line, which the engine then reads once. One that fails makes the
    # others useless.
    for asked in gate_questions(prompt=prompt, question=question):
        gate, usage = await _probability(client, asked)
        gates.append(gate)
        spent += usage or Usage(prompt_tokens=0, completion_tokens=0)
        if gate is None:
            break
    verdict = judge_answerability(
        sources=prompt.sources,
        sufficient_evidence=evidence.sufficient,
        retrieval_score=evidence.score,
        gates=gates,
    )
    return verdict, spent


async def _probability(client: EngineClient, asked: GateQuestion) -> tuple[float | None, Usage | None]:
    body = {**GATE_PARAMETERS, "messages": [asdict(message) for message in asked.messages]}
    try:
        async with asyncio.timeout(_GATE_SECONDS):
            reply = await _reply(client, body)
    except (EngineError, TimeoutError, ValueError) as error:
        log.info("the engine did not judge its passages: %s", error)
        return None, None
    return gate_probability(asked=asked, reply=reply), usage_from(reply.get("usage"))


async def _reply(client: EngineClient, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises the `EngineError` family, and ValueError for a body that is no JSON object."""
    async with client.forward(path="chat/completions", body=body) as response:
        reply = json.loads(await response.aread())
    if not isinstance(reply, dict):
        raise ValueError("no JSON object")
    return reply

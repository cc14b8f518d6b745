"""How an engine is asked."""

from collections.abc import Mapping
from typing import Any

from inference.endpoints import EngineEndpoint, reasons
from rag.answering import PromptSettings, can_cite

SMALL_ANSWER_TOKENS = 256


def prompt_settings(engine: EngineEndpoint) -> PromptSettings:
    """How its model wants to be asked."""
    return PromptSettings(
        profile=engine.profile,
        context_tokens=engine.context_tokens,
        system_role=not reasons(model=engine.model),
        asks_for_marks=can_cite(model=engine.model),
    )


def reads_instructions(engine: EngineEndpoint) -> bool:
    """Whether it is given an assistant's instructions: what a small model reads is measured, and it follows no more."""
    return engine.profile != "small"


def needs_gate(engine: EngineEndpoint) -> bool:
    """Whether to ask it beforehand if the passages answer: a small model does not say so by itself, and one below a billion
    parameters cannot tell when it is asked."""
    return engine.profile == "small" and can_cite(model=engine.model)


def sampling(engine: EngineEndpoint, asked: Mapping[str, Any]) -> dict[str, Any]:
    """OpenAI's parameters: what the caller asked for, and our own choice for the rest."""
    if engine.profile == "small":
        limit = {} if "max_completion_tokens" in asked else {"max_tokens": SMALL_ANSWER_TOKENS}
        return {"temperature": 0, **limit, **asked}
    # DeepSeek's advice for R1 is 0.6; without reasoning an answer from documents wants less play.
    return {"temperature": 0.6 if reasons(model=engine.model) else 0.2, **asked}

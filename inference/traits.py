"""What a model does that its protocol does not tell."""

from __future__ import annotations

from functools import lru_cache

from inference import catalogue
from inference.endpoints import EngineEndpoint, reasons


def preopens_reasoning(*, endpoint: EngineEndpoint) -> bool:
    """Whether the text of its answers begins inside the reasoning, because the chat template writes ``<think>`` itself.

    As the setting says, else as the catalogue knows the model, else by its name. A model that thinks on request is taken to
    answer at once: whether it was asked to is not in its name.
    """
    given = endpoint.preopened_reasoning
    return _by_name(endpoint.model) if given is None else given


@lru_cache(maxsize=1024)
def _by_name(model: str) -> bool:
    found = catalogue.find(name=model)
    chat = found.entry.chat if found else None
    if chat is None or (chat.thinking == "always" and chat.preopened_think is None):
        return reasons(model=model)
    return chat.thinking == "always" and bool(chat.preopened_think)

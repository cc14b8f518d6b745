"""The shape that most chat requests have, seen without reading them in full: `bodies.ChatRequest` takes all that this takes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from controlplane.api.openai.bodies import LONGEST_MODEL, MOST_MESSAGES, ChatMessage

_ROLES = frozenset(get_args(ChatMessage.model_fields["role"].annotation))


class Asked(NamedTuple):
    """What of a request the gateway goes by."""

    model: str
    streamed: bool = False
    wants_usage: bool = False


def everyday(sent: Mapping[str, Any]) -> Asked | None:
    """None for a request that has to be read in full, or is not as it must be."""
    model, messages = sent.get("model"), sent.get("messages")
    if type(model) is not str or not 0 < len(model) <= LONGEST_MODEL:
        return None
    if type(messages) is not list or not 0 < len(messages) <= MOST_MESSAGES:
        return None
    for message in messages:
        if type(message) is not dict or type(message.get("content")) is not str:
            return None
        role = message.get("role")
        if type(role) is not str or role not in _ROLES:
            return None
    for name, value in sent.items():
        if name not in _TAKEN or not _TAKEN[name](value):
            return None
    options = sent.get("stream_options")
    return Asked(
        model, sent.get("stream") is True, options is not None and options.get("include_usage") is True
    )


def _any(_value: object) -> bool:
    return True


def _flag(value: object) -> bool:
    return value is None or type(value) is bool


def _up_to(most: float) -> Callable[[object], bool]:
    return lambda value: (type(value) is float or type(value) is int) and 0 <= value <= most


def _tokens(value: object) -> bool:
    return type(value) is int and value >= 1


def _options(value: object) -> bool:
    return (
        type(value) is dict
        and value.keys() <= {"include_usage"}
        and type(value.get("include_usage", False)) is bool
    )


_TAKEN: Mapping[str, Callable[[Any], bool]] = {
    "model": _any,
    "messages": _any,
    "stream": _flag,
    "stream_options": _options,
    "temperature": _up_to(2),
    "top_p": _up_to(1),
    "max_tokens": _tokens,
    "max_completion_tokens": _tokens,
}

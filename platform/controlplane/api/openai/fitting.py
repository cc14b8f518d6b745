"""What no replica has room for is refused before an engine hears of it, with the count and the limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from controlplane.core.problems import InvalidInput
from inference.context import cannot_exceed, least_tokens
from inference.endpoints import EngineEndpoint


def with_room(
    *, replicas: Sequence[EngineEndpoint], body: Mapping[str, Any], size: int
) -> Sequence[EngineEndpoint]:
    """Those whose context the request may fit into, as far as that can be told; `size` is that of its body, in bytes.

    Raises InvalidInput when none has. An engine whose context is not known gets everything.
    """
    limits = {replica.context_tokens for replica in replicas}
    answer = _answer_tokens(body)
    if None in limits or not limits or cannot_exceed(size=size + 2 * answer, limit=min(filter(None, limits))):
        return replicas
    most = max(filter(None, limits))
    if answer >= most:
        raise _answer_too_long(body, answer, most)
    prompt = least_tokens(body=body, enough=2 * most)
    if prompt + answer > most:
        raise _too_long(prompt, answer, most)
    return [each for each in replicas if prompt + answer <= (each.context_tokens or 0)]


def _answer_tokens(body: Mapping[str, Any]) -> int:
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 0)


def _answer_too_long(body: Mapping[str, Any], answer: int, limit: int) -> InvalidInput:
    return InvalidInput(
        code="context_length_exceeded",
        field="max_completion_tokens" if body.get("max_completion_tokens") else "max_tokens",
        detail=_(
            "An answer of %(answer)s tokens was asked for; question and answer may have %(limit)s together."
        )
        % {"answer": answer, "limit": limit},
        remedy=_("Ask for a shorter answer."),
    )


def _too_long(prompt: int, answer: int, limit: int) -> InvalidInput:
    return InvalidInput(
        code="context_length_exceeded",
        field="messages",
        detail=_(
            "The question has at least %(prompt)s tokens and the answer may have %(answer)s; the model has room for "
            "%(limit)s together."
        )
        % {"prompt": prompt, "answer": answer, "limit": limit},
        remedy=_("Shorten the question."),
    )

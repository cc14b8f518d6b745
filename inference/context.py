"""Whether a request can fit into a model's context at all, told without its tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# The tokenizers of DeepSeek, Qwen and Llama first cut a text between words and numbers, and a number into threes
# (``tokenizer.json``, ``pre_tokenizer``): no token reaches over such a cut. Their longest words are of 32 letters or less.
_PIECE = re.compile(r"[^\W\d_]{1,32}|\d{1,3}")
# A piece has at least one byte, and with the cut to the next one two.
_LEAST_BYTES = 2


def least_tokens(*, body: Mapping[str, Any], enough: int) -> int:
    """At least so many tokens are in the prompt of an OpenAI request; counting stops above ``enough``.

    Of English text it is about three quarters of them, of Chinese a tenth.
    """
    count = 0
    for text in _texts(body):
        for _piece in _PIECE.finditer(text):
            count += 1
            if count > enough:
                return count
    return count


def cannot_exceed(*, size: int, limit: int) -> bool:
    """Whether a request of ``size`` bytes is too short for ``least_tokens`` to be above ``limit``."""
    return size < limit * _LEAST_BYTES


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    prompt = body.get("prompt")
    if isinstance(prompt, str):
        yield prompt
    messages = body.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        return
    for message in messages:
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, str):
            yield content
        elif isinstance(content, Sequence):
            for part in content:
                if isinstance(part, Mapping) and isinstance(part.get("text"), str):
                    yield part["text"]

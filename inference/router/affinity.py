"""The same conversation to the same replica, so that what it has computed of the prompt is still in its cache.

Rendezvous hashing (Thaler & Ravishankar, 1998) with bounded loads (Mirrokni, Thorup & Zadimoghaddam, 2018): each beginning of a
prompt has an order of all replicas; the first one that is not much busier than the others gets it. Nothing is remembered, so
nothing grows, and when a replica comes or goes only its share of the conversations moves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

# A replica may have so many times the mean load before the next one in the order takes over. 1.25 is the factor that is
# recommended for it in practice (Google's and Vimeo's reports of 2017).
LOAD_FACTOR = 1.25
# What of a prompt is looked at: far enough to tell questions about the same instructions apart.
_LOOKED_AT = 4096


def prefix_of(*, body: Mapping[str, Any]) -> bytes:
    """What later turns of the same conversation begin with too: ``prompt_cache_key`` where the client gives one, else the
    messages up to the first question, else the prompt. Empty where there is no such thing."""
    given = body.get("prompt_cache_key")
    if isinstance(given, str) and given:
        return given.encode()
    messages = body.get("messages")
    if isinstance(messages, Sequence) and not isinstance(messages, str):
        return _beginning(messages)
    prompt = body.get("prompt")
    return prompt[:_LOOKED_AT].encode() if isinstance(prompt, str) else b""


def _beginning(messages: Sequence[Any]) -> bytes:
    parts: list[str] = []
    for message in messages:
        if not isinstance(message, Mapping):
            continue
        parts.append(_text(message.get("content")))
        if message.get("role") == "user":
            break
    return "\x00".join(parts).encode()


def _text(content: Any) -> str:
    if isinstance(content, str):
        # The end tells apart what has the same long beginning: instructions with the passages of a question behind them.
        return content if len(content) <= _LOOKED_AT else content[:_LOOKED_AT] + content[-_LOOKED_AT:]
    if isinstance(content, Sequence):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(text[:_LOOKED_AT] for text in texts if isinstance(text, str))
    return ""


def weight_of(*, prefix: bytes, replica: str) -> int:
    """The replica's place in the order of a prefix: the heaviest comes first."""
    digest = hashlib.blake2b(prefix, key=replica.encode()[:64], digest_size=8).digest()
    return int.from_bytes(digest, "big")

"""What the embedding server accepts: read, bounded, and refused with a reason."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from inference.embedding.model import EmbeddingModel, Purpose


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds on one request, and on all that wait together (``waiting_texts``)."""

    body_bytes: int = 8 * 1024**2
    texts: int = 2048
    text_characters: int = 32_768
    waiting_texts: int = 20_000


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """``as_base64`` false means lists of numbers, as plain OpenAI clients of old ask for."""

    texts: tuple[str, ...]
    purpose: Purpose
    as_base64: bool
    model: str


class RefusedRequestError(Exception):
    """Answered with ``status`` and an OpenAI error object."""

    def __init__(self, message: str, *, status: int, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


def read_request(*, body: bytes, model: EmbeddingModel, limits: RequestLimits) -> EmbeddingRequest:
    """Raises ``RefusedRequestError``."""
    try:
        raw = json.loads(body)
    except ValueError as error:
        raise RefusedRequestError(f"the body is not JSON: {error}", status=400) from error
    if not isinstance(raw, dict):
        raise RefusedRequestError("the body must be an object", status=400)
    encoding = raw.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise RefusedRequestError("encoding_format is float or base64", status=400, param="encoding_format")
    if raw.get("dimensions") not in (None, model.dimension):
        raise RefusedRequestError(
            f"{model.name} has {model.dimension} dimensions", status=400, param="dimensions"
        )
    return EmbeddingRequest(
        texts=_texts(raw.get("input"), limits),
        purpose=_purpose(raw.get("model"), model),
        as_base64=encoding == "base64",
        model=str(raw.get("model")),
    )


def _texts(raw: Any, limits: RequestLimits) -> tuple[str, ...]:
    texts = [raw] if isinstance(raw, str) else raw
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise RefusedRequestError("input is a text or a list of texts", status=400, param="input")
    if len(texts) > limits.texts:
        raise RefusedRequestError(
            f"{len(texts)} texts; at most {limits.texts} in one request", status=413, param="input"
        )
    longest = max(len(text) for text in texts)
    if longest > limits.text_characters:
        raise RefusedRequestError(
            f"a text of {longest} characters; at most {limits.text_characters}", status=413, param="input"
        )
    return tuple(texts)


def _purpose(name: object, model: EmbeddingModel) -> Purpose:
    if name == f"{model.name}-query":
        return "query"
    if name in (model.name, f"{model.name}-passage"):
        return "passage"
    raise RefusedRequestError(
        f"no model {name!r}; there are {model.name}, {model.name}-query, {model.name}-passage",
        status=404,
        param="model",
    )

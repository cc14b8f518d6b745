"""What an index must know about the model that made its vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Literal

Purpose = Literal["query", "passage"]


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """Vectors of two models, or of two versions of one, are never comparable: an index records both.

    ``purpose`` says how the model learns what a text is for: ``prefix``, the client writes it before the
    text; ``suffix``, the client appends ``-query`` or ``-passage`` to the model's name.
    ``max_tokens`` is what one vector can represent; None when nothing is cut off.
    """

    name: str
    dimension: int
    version: str = ""
    normalised: bool = True
    query_prefix: str = ""
    passage_prefix: str = ""
    max_tokens: int | None = None
    purpose: Literal["prefix", "suffix"] = "prefix"
    licence: str = ""

    def request_model(self, *, purpose: Purpose) -> str:
        """The model name to send."""
        return f"{self.name}-{purpose}" if self.purpose == "suffix" else self.name

    def prepared(self, *, text: str, purpose: Purpose) -> str:
        """The text to send."""
        return (self.query_prefix if purpose == "query" else self.passage_prefix) + text


@cache
def known_models() -> tuple[EmbeddingModel, ...]:
    """The models whose conventions are on record in ``models.json``."""
    rows = json.loads(files(__package__).joinpath("models.json").read_text("utf-8"))
    return tuple(EmbeddingModel(**row) for row in rows)


def known_model(*, name: str, version: str = "") -> EmbeddingModel:
    """The record of a model; an organisation in front of the name (``BAAI/bge-m3``) stays in the request.

    ``KeyError`` names the known ones: any other is described with ``EmbeddingModel`` itself.
    """
    short = name.rsplit("/", 1)[-1].lower()
    for model in known_models():
        if model.name == short:
            return replace(model, name=name, version=version)
    raise KeyError(
        f"nothing is on record about {name!r}; known: {', '.join(model.name for model in known_models())}"
    )

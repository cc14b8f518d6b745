"""The small chat models Karez runs by itself when no other engine is configured."""

from inference.bundled.catalogue import BundledModel, ModelPart, bundled_models, find_model
from inference.bundled.errors import FetchInProgress, ModelCorrupt, ModelError, NoModelSource, NotEnoughDisk
from inference.bundled.fetch import FetchSettings, default_cache_dir, ensure_model, find_local_model
from inference.bundled.progress import FetchProgress, ProgressCallback

__all__ = [
    "BundledModel",
    "FetchInProgress",
    "FetchProgress",
    "FetchSettings",
    "ModelCorrupt",
    "ModelError",
    "ModelPart",
    "NoModelSource",
    "NotEnoughDisk",
    "ProgressCallback",
    "bundled_models",
    "default_cache_dir",
    "ensure_model",
    "find_local_model",
    "find_model",
]

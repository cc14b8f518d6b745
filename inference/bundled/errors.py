"""Why a bundled model could not be had.

ModelError
├── NoModelSource     every source was tried or is switched off; the platform answers by quoting instead
├── ModelCorrupt      the bytes are not the published file
├── NotEnoughDisk     nothing was fetched
└── FetchInProgress   another process holds the lock for too long
"""

from __future__ import annotations

from collections.abc import Sequence


class ModelError(Exception):
    """Root of the family; the message is fit to show to an operator."""


class NoModelSource(ModelError):
    """``reasons`` holds one line for each source, in the order they were tried."""

    def __init__(self, *, model: str, reasons: Sequence[str]) -> None:
        self.model = model
        self.reasons = tuple(reasons)
        super().__init__(f"no source has the model {model}: " + "; ".join(self.reasons))


class ModelCorrupt(ModelError):
    """The size or the SHA-256 of a file differs from the published one."""


class NotEnoughDisk(ModelError):
    """The cache directory's file system cannot hold the model."""


class FetchInProgress(ModelError):
    """Another process has been fetching the same model for longer than we wait."""

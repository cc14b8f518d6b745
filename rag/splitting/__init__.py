"""Blocks in, passages out: pieces of a document small enough to embed and whole enough to be quoted."""

from rag.splitting.lengths import weighted_length
from rag.splitting.passages import Passage, SplitSettings
from rag.splitting.splitter import split_document

__all__ = ["Passage", "SplitSettings", "split_document", "weighted_length"]

"""The index: vectors by embedding space, postings of terms, and what removes both."""

from rag.index.entries import Entry, Space
from rag.index.passage_index import PassageIndex

__all__ = ["Entry", "PassageIndex", "Space"]

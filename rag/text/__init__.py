"""Text as the index sees it: normalised, cut into terms, and preceded by where it stands."""

from rag.text.embedded import embedded_text
from rag.text.normalising import normalise
from rag.text.terms import index_terms, query_terms

__all__ = ["embedded_text", "index_terms", "normalise", "query_terms"]

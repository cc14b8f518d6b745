"""Search: two legs, vectors and terms, in one statement that the tenant, the departments and the secrecy bound."""

from rag.retrieval.evidence import Evidence, judge
from rag.retrieval.query import Hit, Leg, Mode, Query
from rag.retrieval.retriever import Retriever

__all__ = ["Evidence", "Hit", "Leg", "Mode", "Query", "Retriever", "judge"]

"""Asking the made-up corpus, and comparing with what is right."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection
from search_corpus import Asked, TenantCorpus
from search_load import Loaded, asking, space_of

from rag.retrieval import Mode, Query, Retriever

TOP_K = 10
MODES: tuple[Mode, ...] = ("dense", "keyword", "hybrid")


@dataclass(frozen=True, slots=True)
class TenantResult:
    """`milliseconds`: of every search by mode, transaction and scope included. `recalls`: of the dense searches."""

    share: float
    readable: int
    milliseconds: dict[Mode, list[float]]
    recalls: list[float]

    @property
    def recall(self) -> float:
        return float(np.mean(self.recalls)) if self.recalls else 1.0

    def percentile(self, mode: Mode, percent: float) -> float:
        return float(np.percentile(self.milliseconds[mode], percent))


def measure(*, tenant: TenantCorpus, loaded: Loaded, queries: Sequence[Asked]) -> TenantResult:
    milliseconds: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    recalls = []
    for asked in queries:
        for mode in MODES:
            started = time.perf_counter()
            found = _search(tenant, asked, mode)
            milliseconds[mode].append((time.perf_counter() - started) * 1000)
            if mode == "dense":
                recalls.append(_recall(tenant, loaded, asked, found))
    return TenantResult(tenant.share, int(tenant.readable().sum()), milliseconds, recalls)


def _search(tenant: TenantCorpus, asked: Asked, mode: Mode) -> list[int]:
    with asking(tenant), connection.cursor() as cursor:
        hits = Retriever(cursor=cursor).search(
            tenant_id=tenant.tenant,
            space=space_of(tenant),
            knowledge_base_ids=tenant.bases,
            query=Query(text=asked.text, vector=asked.vector, mode=mode, top_k=TOP_K),
        )
    return [hit.passage_id for hit in hits]


def _recall(tenant: TenantCorpus, loaded: Loaded, asked: Asked, found: Sequence[int]) -> float:
    """Against all of the tenant's readable vectors in full precision."""
    places = np.flatnonzero(tenant.readable())
    similarity = tenant.vectors[places] @ asked.vector
    best = places[np.argsort(-similarity)[:TOP_K]] + loaded.first_passage[tenant.tenant]
    return len(set(best.tolist()) & set(found)) / len(best)


def percentiles(results: Sequence[TenantResult], mode: Mode) -> dict[str, float]:
    """Of all these tenants' searches together, in milliseconds."""
    every = [time for result in results for time in result.milliseconds[mode]]
    return {
        name: round(float(np.percentile(every, percent)), 1) for name, percent in (("p50", 50), ("p99", 99))
    }

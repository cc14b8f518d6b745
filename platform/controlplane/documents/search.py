"""Searching knowledge bases, for the REST call and for the answer service.

Two short transactions with the embedding of the query between them, so that a slow embedding service holds no connection.
Bases of different embedding spaces are searched each in its own and put together by score, which is calibrated per model.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _
from numpy.typing import NDArray

from controlplane.audit.services import record
from controlplane.core.offload import in_thread, in_waiting_thread
from controlplane.core.problems import Unavailable, not_found
from controlplane.core.scope import scoped
from controlplane.documents.embedding import embedding_client, makes
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase, Passage
from controlplane.identity.principal import Principal
from inference.embedding import EmbeddingClient, EmbeddingLimits, EmbeddingModel
from inference.errors import EngineError
from rag.index import Space
from rag.retrieval import Evidence, Hit, Leg, Mode, Query, Retriever, judge

log = logging.getLogger(__name__)

MOST_RESULTS = 50
LONGEST_QUERY = 4000
# Somebody waits for a query: rather the keywords alone at once than everything in a minute.
_QUERY_LIMITS = EmbeddingLimits(connect_seconds=2, timeout_seconds=10, attempts=2, backoff_seconds=0.2)
_EMBEDDED_SECONDS = 12.0
_DESCRIBED_SECONDS = 30.0
# After a failure nobody waits for the service again so long: its requests would only pile up.
_RESTING_SECONDS = 5.0

_Spaces = list[tuple[EmbeddingSpace, list[UUID]]]


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A passage that the asker may read. `score`: 0…1; `dense`, `keyword`, `coverage`: as in `rag.retrieval.Hit`. It
    stands on `page` to `page_end`.
    """

    passage_id: int
    document_id: UUID
    knowledge_base_id: UUID
    title: str
    text: str
    page: int | None
    section: str
    score: float
    dense: float | None
    keyword: float | None
    coverage: float
    dense_leg: Leg | None = None
    keyword_leg: Leg | None = None
    page_end: int | None = None

    def hit(self) -> Hit:
        return Hit(
            passage_id=self.passage_id,
            document_id=self.document_id,
            knowledge_base_id=self.knowledge_base_id,
            score=self.score,
            dense=self.dense,
            keyword=self.keyword,
            coverage=self.coverage,
        )


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """`degraded` names the legs that could not take part."""

    passages: tuple[FoundPassage, ...]
    degraded: tuple[str, ...] = ()

    def evidence(self, *, query: str) -> Evidence:
        """Whether an assistant that found this would go on to answer, or refuse at once."""
        texts = {passage.passage_id: passage.text for passage in self.passages}
        return judge(query=query, hits=[passage.hit() for passage in self.passages], texts=texts)


def search_passages(
    *,
    principal: Principal,
    knowledge_base_ids: Sequence[UUID],
    query: str,
    mode: Mode = "hybrid",
    top_k: int = 10,
) -> SearchOutcome:
    """The best passages of these bases that the principal may read, best first. Opens transactions of its own.

    While the embedding service is down, or runs another model than a base was indexed with, a hybrid search falls back to
    keywords and says so. Raises NotFound for a base that the principal cannot read, and Unavailable in dense mode.
    """
    spaces = _found_spaces(principal, knowledge_base_ids)
    embedded = _embedded(query) if mode != "keyword" and spaces else None
    return _searched(principal, spaces, query=query, mode=mode, top_k=top_k, embedded=embedded)


async def search_passages_async(
    *, principal: Principal, knowledge_base_ids: Sequence[UUID], query: str, top_k: int = 10
) -> SearchOutcome:
    """A hybrid search from the event loop: the embedding service is awaited on no thread that the database needs."""
    spaces = await in_thread(_found_spaces, principal, knowledge_base_ids)
    embedded: _Embedded | None = None
    if spaces:
        try:
            async with asyncio.timeout(_EMBEDDED_SECONDS):
                embedded = await in_waiting_thread(_embedded, query)
        except TimeoutError:
            log.warning("the query was not embedded in %s s", _EMBEDDED_SECONDS)
    return await in_thread(
        _searched, principal, spaces, query=query, mode="hybrid", top_k=top_k, embedded=embedded
    )


def _found_spaces(principal: Principal, knowledge_base_ids: Sequence[UUID]) -> "_Spaces":
    with scoped(principal.scope()):
        return _spaces(principal, knowledge_base_ids)


def _searched(
    principal: Principal,
    spaces: "_Spaces",
    *,
    query: str,
    mode: Mode,
    top_k: int,
    embedded: "_Embedded | None",
) -> SearchOutcome:
    hits: list[Hit] = []
    degraded = False
    with scoped(principal.scope()), connection.cursor() as cursor:
        retriever = Retriever(cursor=cursor)
        for space, bases in spaces:
            vector = embedded.vector_for(space) if embedded else None
            if mode == "dense" and vector is None:
                raise _no_vectors()
            degraded = degraded or (mode == "hybrid" and vector is None)
            hits += retriever.search(
                tenant_id=principal.tenant,
                space=Space(id=space.pk, model=space.model, dimension=space.dimension),
                knowledge_base_ids=bases,
                query=Query(
                    text=query, vector=vector, mode="keyword" if vector is None else mode, top_k=top_k
                ),
            )
        hits.sort(key=lambda hit: (-hit.score, hit.passage_id))
        found = _with_texts(principal, hits[:top_k])
    return SearchOutcome(passages=tuple(found), degraded=("dense",) if degraded else ())


def record_search(
    *, principal: Principal, knowledge_base_ids: Sequence[UUID], query: str, outcome: SearchOutcome
) -> None:
    """A search shows what documents hold as an answer does: it is audited as one."""
    with scoped(principal.scope()):
        record(
            tenant_id=principal.tenant,
            actor=principal.actor,
            action="search.asked",
            query=query,
            knowledge_bases=[str(id_) for id_ in knowledge_base_ids],
            documents=list(dict.fromkeys(str(passage.document_id) for passage in outcome.passages)),
        )


def _spaces(principal: Principal, base_ids: Sequence[UUID]) -> _Spaces:
    bases = KnowledgeBase.objects.filter(tenant_id=principal.tenant, pk__in=base_ids).select_related("space")
    found = {base.pk: base.space for base in bases}
    for id_ in base_ids:
        if id_ not in found:
            raise not_found(kind=_("knowledge base"), id=id_)
    groups: dict[UUID, tuple[EmbeddingSpace, list[UUID]]] = {}
    for id_, space in found.items():
        groups.setdefault(space.pk, (space, []))[1].append(id_)
    return list(groups.values())


def _with_texts(principal: Principal, hits: Sequence[Hit]) -> list[FoundPassage]:
    passages = Passage.objects.filter(tenant_id=principal.tenant, pk__in=[hit.passage_id for hit in hits])
    by_id = {passage.pk: passage for passage in passages.select_related("document")}
    return [
        FoundPassage(
            passage_id=hit.passage_id,
            document_id=hit.document_id,
            knowledge_base_id=hit.knowledge_base_id,
            title=passage.document.title or passage.document.filename,
            text=passage.text,
            page=passage.page,
            section=passage.section,
            score=hit.score,
            dense=hit.dense,
            keyword=hit.keyword,
            coverage=hit.coverage,
            dense_leg=hit.dense_leg,
            keyword_leg=hit.keyword_leg,
            page_end=passage.page_end,
        )
        for hit in hits
        if (passage := by_id.get(hit.passage_id))
    ]


@dataclass(frozen=True, slots=True)
class _Embedded:
    """A query's vector, with the model that made it."""

    vector: NDArray[np.float32]
    model: EmbeddingModel

    def vector_for(self, space: EmbeddingSpace) -> NDArray[np.float32] | None:
        """None where the space holds another model's vectors: two models' are never compared."""
        return self.vector if makes(model=self.model, space=space) else None


def _embedded(query: str) -> _Embedded | None:
    """None while the service is down, and for some seconds after it failed."""
    if _served.resting():
        return None
    try:
        model = _served.model()
        return _Embedded(vector=_client().embed(texts=[query], purpose="query")[0], model=model)
    except EngineError as error:
        _served.rest()
        log.warning("the query was not embedded: %s", error)
        return None


@cache
def _client() -> EmbeddingClient:
    env = settings.ENV
    return EmbeddingClient(
        base_url=env.embedding_url,
        model=embedding_client().model,
        api_key=env.embedding_api_key.get_secret_value(),
        limits=_QUERY_LIMITS,
    )


class _Served:
    """What the embedding service said it runs, for half a minute: a new version must not be taken for the old one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[EmbeddingModel, float] | None = None
        self._resting_until = 0.0

    def rest(self) -> None:
        """It failed."""
        self._resting_until = time.monotonic() + _RESTING_SECONDS

    def resting(self) -> bool:
        """Whether it failed so lately that it is not worth asking."""
        return time.monotonic() < self._resting_until

    def model(self) -> EmbeddingModel:
        """Raises the `EngineError` family."""
        with self._lock:
            known = self._known
        if known and known[1] > time.monotonic():
            return known[0]
        described = _client().describe()
        with self._lock:
            self._known = (described, time.monotonic() + _DESCRIBED_SECONDS)
        return described


_served = _Served()


def _no_vectors() -> Unavailable:
    return Unavailable(
        code="embedding_unavailable",
        detail=_(
            "The embedding service does not answer, or runs another model than the index was made with."
        ),
        remedy=_("Search in mode “keyword”, or try again in a moment."),
        retry_after=10,
    )

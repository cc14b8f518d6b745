"""The second stage of a job: passages are embedded and loaded into the index, and the version goes live.

The service embeds one batch while this process loads the one before, so that neither waits for the other. A batch that
is loaded stays loaded: whoever takes the job over after a crash goes on with what is missing.
"""

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models.functions import Now

from controlplane.core.scope import tenant_scope
from controlplane.documents.embedding import embedding_client, makes, served_model
from controlplane.documents.models import (
    Document,
    EmbeddingSpace,
    IndexJob,
    JobStage,
    KnowledgeBase,
    Passage,
    Version,
)
from controlplane.documents.services.leases import (
    LEASE_SECONDS,
    CancelRequestedError,
    Heartbeat,
    Lease,
    LeaseLostError,
    SuspendedError,
    claim,
    commit_without_waiting,
    fenced,
)
from controlplane.documents.services.outcomes import (
    job_cancelled,
    job_fail,
    job_put_back,
    job_try_later,
)
from controlplane.documents.services.publishing import Published, publish
from inference.embedding.protocol import Vectors
from inference.errors import EngineRejected, EngineUnavailable, UnknownModel
from rag.index import Entry, PassageIndex, Space
from rag.text import embedded_text, index_terms

log = logging.getLogger(__name__)

ATTEMPTS = 8
BATCH_PASSAGES = 128
# Batches on their way to the service: one being embedded, one waiting there, so that the service never waits for us.
AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the passages of the job belong. `title` goes before each of them."""

    space: Space
    knowledge_base_id: UUID
    document_id: UUID
    version_id: UUID
    title: str


@dataclass(frozen=True, slots=True)
class _Batch:
    passage_ids: list[int]
    texts: list[str]
    vectors: "Future[Vectors]"


def index(*, tenant_id: UUID, job_id: UUID) -> None:
    """Embed and load the job's passages, if the job is due, and publish the version when none is missing."""
    lease = claim(tenant_id=tenant_id, job_id=job_id, stage=JobStage.EMBED)
    if lease is None:
        return
    try:
        _index(lease)
    except CancelRequestedError:
        job_cancelled(lease=lease)
    except SuspendedError:
        job_put_back(lease=lease)
    except LeaseLostError:
        return


def _index(lease: Lease) -> None:
    try:
        with Heartbeat(lease) as beat:
            while _fill(lease, beat) is Published.INCOMPLETE:
                pass  # most likely the base was switched to another space meanwhile
    except EngineUnavailable as error:
        log.warning("job %s: %s", lease.job_id, error)
        job_try_later(lease=lease, code="embedding_unavailable")
    except UnknownModel as error:
        job_fail(lease=lease, code="embedding_model_changed", params={"detail": str(error)[:200]})
    except EngineRejected as error:
        job_fail(lease=lease, code="embedding_rejected", params={"detail": str(error)[:200]})


def _fill(lease: Lease, beat: Heartbeat) -> Published:
    if lease.attempts > ATTEMPTS:
        job_fail(lease=lease, code="index_crashed", params={"attempts": ATTEMPTS})
        return Published.DONE
    served = served_model()
    with tenant_scope(lease.tenant_id):
        job = IndexJob.objects.select_related("space").filter(pk=lease.job_id, lease=lease.token).first()
        if job is None:
            raise LeaseLostError(str(lease.job_id))
        space = job.space
        target = _target(job, space)
        base = KnowledgeBase.objects.get(pk=target.knowledge_base_id)
    if space.pk not in (base.space_id, base.next_space_id):
        return publish(lease=lease)  # which moves the job to where the base has gone, or ends it
    if not makes(model=served, space=space):
        raise UnknownModel(f"{served.name} {served.version} is served, not {space.model} {space.version}")
    with _loading(lease, target, beat) as batches:
        for batch in batches:
            beat.check()
            _load(lease, target, batch)
    return publish(lease=lease)


def _target(job: IndexJob, space: EmbeddingSpace) -> _Target:
    version = Version.objects.select_related("document").get(pk=job.version_id)
    document: Document = version.document
    return _Target(
        space=Space(id=space.pk, model=space.model, dimension=space.dimension),
        knowledge_base_id=document.knowledge_base_id,
        document_id=document.pk,
        version_id=version.pk,
        title=version.title,
    )


@contextmanager
def _loading(lease: Lease, target: _Target, beat: Heartbeat) -> Iterator[Iterator[_Batch]]:
    """The batches that are missing in the space, in order, each already sent to the service."""
    with tenant_scope(lease.tenant_id), connection.cursor() as cursor:
        missing = PassageIndex(cursor=cursor).missing(
            tenant_id=lease.tenant_id, space_id=target.space.id, version_id=target.version_id, limit=2**31 - 1
        )
    pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="embed")
    try:
        yield _sent(lease, target, missing, pool)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _sent(lease: Lease, target: _Target, missing: list[int], pool: ThreadPoolExecutor) -> Iterator[_Batch]:
    waiting: deque[_Batch] = deque()
    for start in range(0, len(missing), BATCH_PASSAGES):
        waiting.append(_send(lease, target, missing[start : start + BATCH_PASSAGES], pool))
        if len(waiting) > AHEAD:
            yield waiting.popleft()
    yield from waiting


def _send(lease: Lease, target: _Target, passage_ids: list[int], pool: ThreadPoolExecutor) -> _Batch:
    with tenant_scope(lease.tenant_id):
        passages = Passage.objects.filter(tenant_id=lease.tenant_id, pk__in=passage_ids).order_by("ordinal")
        rows = list(passages.values_list("pk", "section", "text"))
    texts = [embedded_text(title=target.title, section=section, text=text) for _, section, text in rows]
    vectors = pool.submit(embedding_client().embed, texts=texts, purpose="passage")
    return _Batch(passage_ids=[row[0] for row in rows], texts=texts, vectors=vectors)


def _load(lease: Lease, target: _Target, batch: _Batch) -> None:
    # The terms are worked out while the service still embeds.
    terms = [index_terms(text=text) for text in batch.texts]
    vectors = batch.vectors.result()
    entries = [
        Entry(passage_id=passage_id, terms=words, vector=vector)
        for passage_id, words, vector in zip(batch.passage_ids, terms, vectors, strict=True)
    ]
    with fenced(lease) as job, connection.cursor() as cursor:
        commit_without_waiting()  # publishing waits, and with it everything before
        PassageIndex(cursor=cursor).add(
            tenant_id=lease.tenant_id,
            space=target.space,
            knowledge_base_id=target.knowledge_base_id,
            document_id=target.document_id,
            version_id=target.version_id,
            entries=entries,
        )
        # A batch that got through is no failed attempt, and the next wait is the first again.
        IndexJob.objects.filter(pk=job.pk).update(
            done=min(job.done + len(entries), job.total),
            attempts=1,
            waits=0,
            lease_until=Now() + timedelta(seconds=LEASE_SECONDS),
        )

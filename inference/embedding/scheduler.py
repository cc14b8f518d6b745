"""One encoder, many callers: questions before passages, in small batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from inference.embedding.encoders import Encoder
from inference.embedding.model import Purpose
from inference.embedding.protocol import Vectors


class QueueFullError(Exception):
    """More work is waiting than the server promises to keep."""


@dataclass(slots=True)
class _Job:
    """``order`` holds the positions still to embed, shortest text last, since they are taken from the end."""

    texts: Sequence[str]
    purpose: Purpose
    result: Vectors
    order: list[int]
    done: asyncio.Future[Vectors] = field(repr=False)


class EmbeddingScheduler:
    """Runs the encoder in a thread of its own and chooses what it does next after every small batch.

    A batch is texts of one job and similar length, about ``encoder.batch_characters`` in all, so a question
    waits at most for the batch under way, however long the ingestion behind it. Jobs of passages take turns.
    """

    def __init__(self, *, encoder: Encoder, waiting_texts: int) -> None:
        self.encoder = encoder
        self._waiting_limit = waiting_texts
        self._waiting = 0
        self._queues: dict[Purpose, deque[_Job]] = {"query": deque(), "passage": deque()}
        self._wake = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")

    async def embed(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        """Cancelling the caller drops what was not begun. ``QueueFullError`` when too much is waiting."""
        if purpose == "passage" and self._waiting + len(texts) > self._waiting_limit:
            raise QueueFullError
        job = _Job(
            texts=texts,
            purpose=purpose,
            result=np.empty((len(texts), self.encoder.model.dimension), dtype=np.float32),
            order=sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True),
            done=asyncio.get_running_loop().create_future(),
        )
        self._waiting += len(texts)
        self._queues[purpose].append(job)
        self._wake.set()
        try:
            return await job.done
        finally:
            self._waiting -= len(texts)

    async def run(self) -> None:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                job = self._next_job()
                if job is None:
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                batch = self._take_batch(job)
                try:
                    await loop.run_in_executor(self._thread, self._encode, job, batch)
                except Exception as error:  # noqa: BLE001 - foreign code: one text must not end the service
                    self._fail(job, error)
                else:
                    self._settle(job)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _next_job(self) -> _Job | None:
        for queue in self._queues.values():
            while queue:
                job = queue.popleft()
                if not job.done.done():
                    return job
        return None

    def _take_batch(self, job: _Job) -> list[int]:
        batch: list[int] = []
        characters = 0
        while job.order:
            length = len(job.texts[job.order[-1]])
            if batch and characters + length > self.encoder.batch_characters:
                break
            batch.append(job.order.pop())
            characters += length
        return batch

    def _encode(self, job: _Job, batch: list[int]) -> None:
        job.result[batch] = self.encoder.encode(texts=[job.texts[i] for i in batch], purpose=job.purpose)

    def _settle(self, job: _Job) -> None:
        if job.order:
            self._queues[job.purpose].append(job)
        elif not job.done.done():
            job.done.set_result(job.result)

    def _fail(self, job: _Job, error: Exception) -> None:
        if not job.done.done():
            job.done.set_exception(error)

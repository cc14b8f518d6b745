"""Who goes first, and what happens to a text the encoder cannot bear."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import pytest

from inference.embedding.model import EmbeddingModel, Purpose
from inference.embedding.protocol import Vectors
from inference.embedding.scheduler import EmbeddingScheduler, QueueFullError


class CountingEncoder:
    """Two characters a batch; records the order of work."""

    model = EmbeddingModel(name="counting", dimension=2)
    batch_characters = 2

    def __init__(self) -> None:
        self.batches: list[tuple[str, ...]] = []

    def encode(self, *, texts: Sequence[str], purpose: Purpose) -> Vectors:
        if "坏" in texts:
            raise ValueError("cannot embed")
        self.batches.append(tuple(texts))
        return np.array([[len(text), 0] for text in texts], dtype=np.float32)


async def _with_scheduler(
    encoder: CountingEncoder, limit: int = 100
) -> tuple[EmbeddingScheduler, asyncio.Task[None]]:
    scheduler = EmbeddingScheduler(encoder=encoder, waiting_texts=limit)
    return scheduler, asyncio.create_task(scheduler.run())


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_questions_first_jobs_in_turn_results_in_order() -> None:
    encoder = CountingEncoder()
    scheduler = EmbeddingScheduler(encoder=encoder, waiting_texts=100)
    first = asyncio.create_task(scheduler.embed(texts=["一二三", "一", "二"], purpose="passage"))
    second = asyncio.create_task(scheduler.embed(texts=["甲乙", "丙丁"], purpose="passage"))
    question = asyncio.create_task(scheduler.embed(texts=["问"], purpose="query"))
    await asyncio.sleep(0)
    task = asyncio.create_task(scheduler.run())
    results = await asyncio.gather(first, second, question)
    await _stop(task)

    assert encoder.batches == [
        ("问",),
        ("一", "二"),
        ("甲乙",),
        ("一二三",),
        ("丙丁",),
    ] or encoder.batches == [
        ("问",),
        ("二", "一"),
        ("丙丁",),
        ("一二三",),
        ("甲乙",),
    ]
    assert [list(result[:, 0]) for result in results] == [[3, 1, 1], [2, 2], [1]]


async def test_a_full_queue_refuses_passages_but_not_questions() -> None:
    scheduler, task = await _with_scheduler(CountingEncoder(), limit=2)
    with pytest.raises(QueueFullError):
        await scheduler.embed(texts=["甲", "乙", "丙"], purpose="passage")
    assert (await scheduler.embed(texts=["甲", "乙", "丙"], purpose="query")).shape == (3, 2)
    assert (await scheduler.embed(texts=["甲", "乙"], purpose="passage")).shape == (2, 2)
    await _stop(task)


async def test_a_failure_reaches_its_caller_alone() -> None:
    scheduler, task = await _with_scheduler(CountingEncoder())
    with pytest.raises(ValueError, match="cannot embed"):
        await scheduler.embed(texts=["坏"], purpose="passage")
    assert (await scheduler.embed(texts=["好"], purpose="passage")).shape == (1, 2)
    await _stop(task)


async def test_a_cancelled_caller_leaves_no_work() -> None:
    encoder = CountingEncoder()
    scheduler = EmbeddingScheduler(encoder=encoder, waiting_texts=100)
    gone = asyncio.create_task(scheduler.embed(texts=["甲", "乙"], purpose="passage"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    task = asyncio.create_task(scheduler.run())
    await scheduler.embed(texts=["丙"], purpose="passage")
    await _stop(task)
    assert encoder.batches == [("丙",)]

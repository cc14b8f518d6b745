"""Database work of asynchronous code: a short transaction on a thread of its own, never held while awaiting anything else."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

_FEWEST_THREADS = 4
_MOST_WAITING = 32


@cache
def _threads() -> ThreadPoolExecutor:
    # As many as there are pooled connections: more would only wait for one.
    return ThreadPoolExecutor(max(_FEWEST_THREADS, settings.ENV.database_pool), thread_name_prefix="database")


@cache
def _waiting_threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="waiting")


async def in_waiting_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work that needs no database, such as a call of another service: however long it hangs, it keeps no thread
    from those that do."""
    return await asyncio.get_running_loop().run_in_executor(
        _waiting_threads(), partial(copy_context().run, work, *args, **kwargs)
    )


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking work beside the event loop. The thread gives its database connection back to the pool afterwards."""

    def run() -> T:
        close_old_connections()
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return await sync_to_async(run, thread_sensitive=False, executor=_threads())()


_background: "set[asyncio.Task[Any]]" = set()


def in_background(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Start work that must go on although the task that asks for it is being cancelled. Awaiting it needs a shield."""
    task = asyncio.get_running_loop().create_task(work)
    _background.add(task)
    task.add_done_callback(_background.discard)
    return task


async def background_done() -> None:
    """Wait for all of it: at shutdown."""
    await asyncio.gather(*_background, return_exceptions=True)

"""Streamed calls: whose each is, and an end to what Gradio keeps of it.

Gradio keeps an entry of every call for ever, and all that a call said which nobody listens to. A call is made with no
session hash, so that its own id stands for the hash everywhere; that is dropped when its stream has ended, or was not asked for
in time.
"""

import asyncio
from dataclasses import dataclass

import gradio as gr

# The page asks for the stream as soon as it has the call's id.
UNREAD_SECONDS = 60.0
# Gradio's own bound for its queues of messages is 2000: the oldest are dropped there too.
MOST_CALLS = 2000


@dataclass(slots=True)
class _Call:
    owner: str
    timer: asyncio.TimerHandle | None


class StreamedCalls:
    def __init__(self, *, blocks: gr.Blocks) -> None:
        self._blocks = blocks
        self._calls: dict[str, _Call] = {}
        self._forgetting: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, *, call: str, owner: str) -> None:
        timer = asyncio.get_running_loop().call_later(UNREAD_SECONDS, self._forget_soon, call)
        self._calls[call] = _Call(owner, timer)
        if len(self._calls) > MOST_CALLS:
            self._forget_soon(next(iter(self._calls)))

    def owner(self, call: str) -> str | None:
        found = self._calls.get(call)
        return found.owner if found else None

    def read(self, call: str) -> None:
        """Its stream has been asked for."""
        if (found := self._calls.get(call)) and found.timer:
            found.timer.cancel()
            found.timer = None

    async def forget(self, call: str) -> None:
        """Ends it where it still goes on: somebody who has left needs no more of it."""
        self.read(call)
        self._calls.pop(call, None)
        queue, states = self._blocks._queue, self._blocks.state_holder
        await queue.clean_events(session_hash=call)
        for kept in (
            queue.pending_messages_per_session,
            queue.pending_event_ids_session,
            states.session_data,
            states.time_last_used,
            self._blocks.pending_streams,
            self._blocks.pending_diff_streams,
        ):
            kept.pop(call, None)

    def _forget_soon(self, call: str) -> None:
        self._calls.pop(call, None)
        task = asyncio.create_task(self.forget(call))
        self._forgetting.add(task)
        task.add_done_callback(self._forgetting.discard)

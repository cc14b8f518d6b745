"""Answers that are being given. Each is read by a task of its own: browsers only watch it, and may go and come."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from frontend.chat.asking import Asked, Begun, Cited, Ended, Part, Queued, Reasoned, Said, answer_parts
from frontend.chat.client import Caller, Platform
from frontend.chat.errors import ChatError
from frontend.chat.session import Owner
from frontend.chat.views import citation_views, message_view
from frontend.markdown.rendering import IncrementalMarkdown

log = structlog.get_logger(__name__)

REPAINT_SECONDS = 0.1
MOST_PER_OWNER = 5
# Of one person, over all answers. Those who left are among them until their answer says something.
MOST_WATCHERS = 20
_MOST = 512
_KEPT_SECONDS = 60.0
# A repaint may take this part of the time at most.
_PAINTING_SHARE = 10

Update = dict[str, Any]


@dataclass(slots=True)
class Watched:
    """What one watcher has been sent."""

    version: int = -1
    blocks: list[str] = field(default_factory=list)
    reasoning: int = 0
    told: Update = field(default_factory=dict)
    put_off: bool = False


class Running:
    """One answer, from the question until a while after its end."""

    def __init__(
        self, *, owner: Owner, asked: Asked, submit_id: str, watchers: "Watchers | None" = None
    ) -> None:
        self.owner = owner
        self.asked = asked
        self.submit_id = submit_id
        self.version = 0
        self.status = "running"
        self.interval = REPAINT_SECONDS
        self._watchers = watchers or Watchers()
        self._begun = Begun(asked.conversation_id, "", "", "")
        self._ended = Ended(False, "")
        self._queued: Queued | None = None
        self._content: list[str] = []
        self._reasoning = ""
        self._reasoned_from: float | None = None
        self._reasoned_until: float | None = None
        self._citations: tuple[dict[str, Any], ...] = ()
        self._problem: ChatError | None = None
        self._markdown = IncrementalMarkdown()
        self._painted = -1
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        return self.status != "running"

    def start(self, *, platform: Platform, caller: Caller) -> asyncio.Task[None]:
        self._task = asyncio.create_task(self._run(platform, caller))
        self._task.add_done_callback(lambda _: self._ended_unbegun())
        return self._task

    def stop(self) -> None:
        """Hangs up on the platform, which keeps what was said as stopped."""
        if self._task:
            self._task.cancel()

    async def watch(self) -> AsyncIterator[Update]:
        """What is there, then what comes, then the whole message; at most ten times a second.

        `{"gone": true, "crowded": true}` for who has watched longest when there are too many.
        """
        watched = Watched()
        with self._watchers.joined(self, watched):
            async for update in self._watch(watched):
                yield update

    def wake(self) -> None:
        """Lets every watcher look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _watch(self, watched: Watched) -> AsyncIterator[Update]:
        while True:
            changed = self._changed
            if watched.put_off:
                yield {"gone": True, "crowded": True}
                return
            if self.done:
                yield await asyncio.to_thread(self._final)
                return
            if self.version != watched.version:
                yield self._update(watched)
                # The first word is shown when it comes; only what follows is held back.
                if self._content or self._reasoning:
                    await asyncio.sleep(self.interval)
            else:
                await changed.wait()

    async def _run(self, platform: Platform, caller: Caller) -> None:
        status = "failed"
        try:
            async with aclosing(answer_parts(platform=platform, caller=caller, asked=self.asked)) as parts:
                async for part in parts:
                    self._take(part)
            status = "refused" if self._ended.refused else "answered"
        except asyncio.CancelledError:
            status = "stopped"
        except ChatError as error:
            self._problem = error
        except Exception:
            log.exception("an answer broke off")
            self._problem = ChatError("internal_error")
        finally:
            self._end_reasoning()
            self.status = status
            self._announce()

    def _ended_unbegun(self) -> None:
        """A task that is cancelled before its first step runs nothing of itself."""
        if not self.done:
            self.status = "stopped"
            self._announce()

    def _take(self, part: Part) -> None:
        match part:
            case Begun():
                self._begun, self._queued = part, None
            case Queued():
                self._queued = part
            case Reasoned():
                self._reasoned_from = self._reasoned_from or time.monotonic()
                self._reasoning += part.text
                self._queued = None
            case Said():
                self._end_reasoning()
                self._content.append(part.text)
                self._queued = None
            case Cited():
                self._citations = part.citations
            case Ended():
                self._ended = part
        self._announce()

    def _end_reasoning(self) -> None:
        if self._reasoned_from and not self._reasoned_until:
            self._reasoned_until = time.monotonic()

    def _announce(self) -> None:
        self.version += 1
        self.wake()

    def _update(self, watched: Watched) -> Update:
        """What is new since this watcher was last told."""
        self._paint()
        told = self._told()
        update: Update = {key: value for key, value in told.items() if watched.told.get(key) != value}
        blocks = self._markdown.blocks
        changed = [
            [place, html]
            for place, html in enumerate(blocks)
            if place >= len(watched.blocks) or watched.blocks[place] != html
        ]
        if changed or len(blocks) < len(watched.blocks):
            update |= {"blocks": changed, "count": len(blocks)}
        if len(self._reasoning) > watched.reasoning:
            update["reasoning"] = self._reasoning[watched.reasoning :]
        watched.version, watched.blocks, watched.told = self.version, list(blocks), told
        watched.reasoning = len(self._reasoning)
        return update

    def _told(self) -> Update:
        return {
            "conversation": self._begun.conversation_id,
            "question": self.asked.text,
            "question_id": self._begun.question_id,
            "answer_id": self._begun.answer_id,
            "queued": {"position": self._queued.position} if self._queued else None,
            "phase": "answering" if self._content else "reasoning" if self._reasoning else "waiting",
            "reasoning_ms": self._reasoning_ms() if self._reasoned_until else None,
            # The page counts on by itself from here.
            "reasoning_for_ms": self._reasoning_ms()
            if self._reasoned_from and not self._reasoned_until
            else None,
        }

    def _paint(self) -> None:
        if self._painted == len(self._content):
            return
        began = time.perf_counter()
        self._markdown.update("".join(self._content))
        self._painted = len(self._content)
        self.interval = max(REPAINT_SECONDS, _PAINTING_SHARE * (time.perf_counter() - began))

    def _reasoning_ms(self) -> int | None:
        # The platform's own, once it is there: what is shown now is what is shown when the page is opened again.
        if self._ended.reasoning_ms is not None:
            return self._ended.reasoning_ms
        if self._reasoned_from is None:
            return None
        return round(((self._reasoned_until or time.monotonic()) - self._reasoned_from) * 1000)

    def _final(self) -> Update:
        content = "".join(self._content)
        update = self._told() | {"done": True, "status": self.status, "problem": None, "message": None}
        if self._problem:
            update["problem"] = self._problem.view()
        if content or self._reasoning:
            update["message"] = message_view(
                {
                    "id": self._begun.answer_id,
                    "role": "answer",
                    "status": self.status,
                    "reason": self._ended.reason,
                    "content": content,
                    "reasoning": self._reasoning,
                    "reasoning_ms": self._reasoning_ms(),
                    "model": self._ended.model,
                    "overflow_from": self._ended.overflow_from,
                    "standalone_question": self._begun.standalone,
                    "citations": citation_views(self._citations),
                }
            )
        return update


class Watchers:
    """Who watches the answers of whom. A person's newest put off the oldest: a page that was left is not heard of."""

    def __init__(self) -> None:
        self._of: dict[Owner, list[tuple[Running, Watched]]] = {}

    @contextmanager
    def joined(self, running: Running, watched: Watched) -> Iterator[None]:
        own = self._of.setdefault(running.owner, [])
        own.append((running, watched))
        if len(own) > MOST_WATCHERS:
            oldest_running, oldest = own.pop(0)
            oldest.put_off = True
            oldest_running.wake()
        try:
            yield
        finally:
            own[:] = [entry for entry in own if entry[1] is not watched]
            if not own and self._of.get(running.owner) is own:
                del self._of[running.owner]

    def count(self, owner: Owner) -> int:
        return len(self._of.get(owner, ()))


class Busy(ChatError):
    """More at the same time than one person may have, or than this process carries."""

    def __init__(self, code: str) -> None:
        super().__init__(code, status=429, retry_after=10)


class RunningAnswers:
    """The answers of this process, by owner and conversation."""

    def __init__(self, *, platform: Platform) -> None:
        self._platform = platform
        self.watchers = Watchers()
        self._answers: dict[tuple[Owner, str], Running] = {}
        self._beginning: dict[tuple[Owner, str], asyncio.Task[str]] = {}

    async def begun_once(
        self, *, key: tuple[Owner, str], begin: Callable[[], Coroutine[Any, Any, str]]
    ) -> str:
        """The conversation that this submission began, however often it arrives."""
        task = self._beginning.get(key)
        if task is None:
            task = self._beginning[key] = asyncio.create_task(begin())
            asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._beginning.pop, key, None)
        return await asyncio.shield(task)

    def find(self, *, owner: Owner, conversation_id: str) -> Running | None:
        return self._answers.get((owner, conversation_id))

    def start(self, *, owner: Owner, caller: Caller, asked: Asked, submit_id: str) -> Running:
        """The same submission again is the one there is; another one waits until that is answered. Raises Busy."""
        key = owner, asked.conversation_id
        there = self._answers.get(key)
        if there and there.submit_id == submit_id:
            return there
        if there and not there.done:
            raise Busy("still_answering")
        going = [running for running in self._answers.values() if not running.done]
        if len(going) >= _MOST:
            raise Busy("chat_busy")
        if sum(running.owner == owner for running in going) >= MOST_PER_OWNER:
            raise Busy("too_many_answers")
        running = Running(owner=owner, asked=asked, submit_id=submit_id, watchers=self.watchers)
        self._answers[key] = running
        task = running.start(platform=self._platform, caller=caller)
        task.add_done_callback(lambda _: self._drop_later(key, running))
        return running

    async def close(self) -> None:
        for running in self._answers.values():
            running.stop()
        tasks = [running._task for running in self._answers.values() if running._task]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._answers.clear()

    def _drop_later(self, key: tuple[Owner, str], running: Running) -> None:
        def drop() -> None:
            if self._answers.get(key) is running:
                del self._answers[key]

        asyncio.get_running_loop().call_later(_KEPT_SECONDS, drop)

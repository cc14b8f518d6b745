"""Answers by themselves, without Gradio around them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator

import httpx
import pytest

from frontend.chat.asking import Asked
from frontend.chat.client import Caller, Platform
from frontend.chat.running import MOST_PER_OWNER, MOST_WATCHERS, Busy, RunningAnswers
from frontend.chat.session import Owner

ME, OTHER = Owner("t", "me"), Owner("t", "other")
CALLER = Caller(token="kt_x", language="en")
BEGIN = {"karez": {"conversation_id": "c", "question_id": "q", "answer_id": "a"}, "choices": []}
END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


def said(text: str) -> dict[str, object]:
    return {"choices": [{"delta": {"content": text}}]}


class Pieces(httpx.AsyncByteStream):
    """An answer whose pieces come when the test says so."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = asyncio.Event()

    def send(self, *chunks: object) -> None:
        for chunk in chunks:
            data = chunk if isinstance(chunk, bytes) else f"data: {json.dumps(chunk)}\n\n".encode()
            self.queue.put_nowait(data)

    def end(self) -> None:
        self.send(END, b"data: [DONE]\n\n")
        self.queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self.queue.get()) is not None:
            yield piece

    async def aclose(self) -> None:
        self.closed.set()


class Stage:
    def __init__(self) -> None:
        self.pieces: list[Pieces] = []
        self.platform = Platform(control_url="http://platform", transport=httpx.MockTransport(self.answer))
        self.answers = RunningAnswers(platform=self.platform)

    async def answer(self, _request: httpx.Request) -> httpx.Response:
        self.pieces.append(Pieces())
        return httpx.Response(200, stream=self.pieces[-1])

    async def begun(self, number: int) -> Pieces:
        while len(self.pieces) <= number:
            await asyncio.sleep(0)
        return self.pieces[number]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.answers.close()
    await made.platform.close()


def asked(conversation: str = "c") -> Asked:
    return Asked(assistant="hr", conversation_id=conversation, text="?")


async def test_two_watchers_see_the_same_whole_answer(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(BEGIN, said("one "))
    early = asyncio.create_task(collect(running.watch()))
    await asyncio.sleep(0.15)
    pieces.send(said("two"))
    late = asyncio.create_task(collect(running.watch()))
    await asyncio.sleep(0.15)
    pieces.end()
    for updates in await asyncio.gather(early, late):
        assert updates[-1]["message"]["blocks"] == ["<p>one two</p>\n"]
        blocks = [update["blocks"] for update in updates[:-1] if "blocks" in update]
        assert blocks[-1] == [[0, "<p>one two</p>\n"]]


async def test_what_is_known_is_not_sent_again(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    watching = asyncio.create_task(collect(running.watch()))
    pieces.send(BEGIN, said("first paragraph\n\n"))
    await asyncio.sleep(0.15)
    pieces.send(said("second"))
    await asyncio.sleep(0.15)
    pieces.end()
    updates = await watching
    assert [place for place, _html in updates[-2]["blocks"]] == [1]
    assert "conversation" not in updates[-2]


async def test_at_most_ten_repaints_a_second(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    watching = asyncio.create_task(collect(running.watch()))
    pieces.send(BEGIN)
    for _ in range(50):
        pieces.send(said("x"))
        await asyncio.sleep(0.01)
    pieces.end()
    assert len(await watching) <= 10


async def test_nobody_needs_to_watch(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    (await stage.begun(0)).send(BEGIN, said("x"))
    stage.pieces[0].end()
    while not running.done:
        await asyncio.sleep(0.01)
    assert running.status == "answered"


async def test_an_answer_belongs_to_who_asked(stage: Stage) -> None:
    mine = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    assert stage.answers.find(owner=ME, conversation_id="c") is mine
    assert stage.answers.find(owner=OTHER, conversation_id="c") is None
    assert stage.answers.start(owner=OTHER, caller=CALLER, asked=asked(), submit_id="1") is not mine


async def test_a_conversation_has_one_answer_at_a_time(stage: Stage) -> None:
    first = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    assert stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1") is first
    with pytest.raises(Busy, match="still_answering"):  # what it asks must not be answered by the first one
        stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="2")
    first.stop()
    while not first.done:
        await asyncio.sleep(0)
    assert stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1") is first
    assert stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="3") is not first


async def test_stop_hangs_up(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(BEGIN, said("x"))
    await asyncio.sleep(0.05)
    running.stop()
    (last,) = [update async for update in running.watch() if update.get("done")]
    assert (last["status"], last["message"]["text"]) == ("stopped", "x")
    assert pieces.closed.is_set()


async def test_the_end_of_the_process_ends_everything(stage: Stage) -> None:
    running = [
        stage.answers.start(owner=ME, caller=CALLER, asked=asked(str(number)), submit_id=str(number))
        for number in range(3)
    ]
    await stage.begun(2)
    await stage.answers.close()
    assert [one.status for one in running] == ["stopped"] * 3
    assert all(pieces.closed.is_set() for pieces in stage.pieces)


async def test_one_person_has_a_bound(stage: Stage) -> None:
    for number in range(MOST_PER_OWNER):
        stage.answers.start(owner=ME, caller=CALLER, asked=asked(str(number)), submit_id=str(number))
    with pytest.raises(Busy, match="too_many_answers"):
        stage.answers.start(owner=ME, caller=CALLER, asked=asked("more"), submit_id="more")
    stage.answers.start(owner=OTHER, caller=CALLER, asked=asked("more"), submit_id="more")


async def test_a_finished_answer_is_kept_for_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("frontend.chat.running._KEPT_SECONDS", 0.05)
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    (await stage.begun(0)).end()
    while not running.done:
        await asyncio.sleep(0)
    assert stage.answers.find(owner=ME, conversation_id="c") is running
    await asyncio.sleep(0.2)
    assert stage.answers.find(owner=ME, conversation_id="c") is None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"data: {\n\n", "unexpected_answer"),
        (b"data: []\n\n", "unexpected_answer"),
        (b'data: {"error": {"code": "engine_unavailable", "message": "m"}}\n\n', "engine_unavailable"),
        (b"", "stream_broken"),
    ],
)
async def test_a_stream_that_is_none_is_a_failure(stage: Stage, sent: bytes, code: str) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(BEGIN, said("x"))
    if sent:
        pieces.send(sent)
    pieces.queue.put_nowait(None)
    last = (await collect(running.watch()))[-1]
    assert (last["status"], last["problem"]["code"]) == ("failed", code)
    assert last["message"]["text"] == "x"


async def collect(updates: AsyncIterator[dict[str, object]]) -> list[dict]:  # type: ignore[type-arg]
    return [update async for update in updates]


async def test_who_watches_longest_is_put_off_when_there_are_too_many(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    other = stage.answers.start(owner=ME, caller=CALLER, asked=asked("d"), submit_id="2")
    theirs = stage.answers.start(owner=OTHER, caller=CALLER, asked=asked(), submit_id="1")
    watching = [asyncio.create_task(collect(one.watch())) for one in (theirs, running)]
    await asyncio.sleep(0.05)
    watching += [asyncio.create_task(collect(other.watch())) for _ in range(MOST_WATCHERS)]
    assert (await watching[1])[-1] == {"gone": True, "crowded": True}
    assert stage.answers.watchers.count(ME) == MOST_WATCHERS
    assert not any(task.done() for task in watching if task is not watching[1])
    for number in range(3):
        (await stage.begun(number)).end()
    await asyncio.gather(*watching)
    assert [stage.answers.watchers.count(owner) for owner in (ME, OTHER)] == [0, 0]


async def test_a_whole_answer_is_set_beside_the_loop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def view(row: dict[str, object]) -> dict[str, object]:
        threads.append(threading.get_ident())
        return row

    monkeypatch.setattr("frontend.chat.running.message_view", view)
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(BEGIN, said("x"))
    pieces.end()
    await collect(running.watch())
    assert threading.get_ident() not in threads
    assert len(threads) == 1


async def test_how_long_it_reasoned_is_what_the_platform_keeps(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(BEGIN, {"choices": [{"delta": {"reasoning_content": "…"}}]}, said("a"))
    pieces.send(END | {"karez": {"engine": "r1", "reasoning_ms": 12_345}}, b"data: [DONE]\n\n")
    pieces.queue.put_nowait(None)
    last = [update async for update in running.watch()][-1]
    assert (last["reasoning_ms"], last["message"]["reasoning_ms"]) == (12_345, 12_345)


async def test_who_stood_in_for_whom_is_shown_with_the_answer(stage: Stage) -> None:
    running = stage.answers.start(owner=ME, caller=CALLER, asked=asked(), submit_id="1")
    pieces = await stage.begun(0)
    pieces.send(
        BEGIN, said("a"), END | {"karez": {"engine": "small", "overflow_from": "r1"}}, b"data: [DONE]\n\n"
    )
    pieces.queue.put_nowait(None)
    last = [update async for update in running.watch()][-1]
    assert (last["message"]["model"], last["message"]["overflow_from"]) == ("small", "r1")

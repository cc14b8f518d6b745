"""Two replicas restarted one after the other, under steady streams through the real gateway: no answer is lost."""

import asyncio
from collections import Counter
from collections.abc import Iterator

import httpx
import openai
import pytest

from controlplane.core.offload import in_thread
from controlplane.serving import services
from controlplane.serving.fleet import fleet
from controlplane.serving.models import Replica, WantedState
from tests.controlplane.api.openai.conftest import Bank, Served, configure
from tests.controlplane.serving.fleets import forget_everything, register, rows, until, watching
from tests.fakes.engine import Answer, FakeEngine

TEXT = "春江潮水连海平，海上明月共潮生。滟滟随波千万里，何处春江无月明。"
# About a second of streaming each: longer than a restart takes, and shorter than draining may.
SLOW = Answer(text=TEXT, chunk=1, piece_delay=0.03)
STREAMS = 6
MODEL = "rolling"


@pytest.fixture
def two(
    committed: None, served: Served, embedder: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[FakeEngine]]:
    forget_everything()
    configure(monkeypatch, engines="", embedding_url=embedder.base_url, embedding_model="use")
    with FakeEngine(answers=SLOW) as first, FakeEngine(answers=SLOW) as second:
        yield [first, second]
    forget_everything()


class Callers:
    """Clients that ask again as soon as they are answered, and do not try twice themselves."""

    def __init__(self, *, base_url: str, key: str) -> None:
        self._client = openai.AsyncOpenAI(
            base_url=f"{base_url}/v1",
            api_key=key,
            max_retries=0,
            timeout=30,
            http_client=httpx.AsyncClient(trust_env=False),
        )
        self._going = True
        self.outcomes: Counter[str] = Counter()

    async def run(self) -> None:
        await asyncio.gather(*(self._one() for _ in range(STREAMS)))

    def end(self) -> None:
        self._going = False

    async def _one(self) -> None:
        while self._going:
            try:
                stream = await self._client.chat.completions.create(
                    model=MODEL, messages=[{"role": "user", "content": "背诗"}], stream=True
                )
                text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            except openai.APIError as error:
                self.outcomes[f"{type(error).__name__}: {error}"] += 1
            else:
                self.outcomes["whole" if text == TEXT else f"cut: {text}"] += 1


async def restart(engine: FakeEngine, replica: Replica) -> None:
    """As an operator does: drain it, wait until nothing is under way, start it anew, take it back in."""

    def want(wanted: WantedState) -> None:
        services.replica_want(actor="system", replica_id=replica.pk, wanted=wanted)

    def in_flight() -> int | None:
        seen = fleet().seen(key=key)
        return seen.in_flight if seen else None

    key = (await in_thread(rows))[engine.base_url].key
    await in_thread(want, WantedState.DRAINING)
    await until(lambda: in_flight() == 0)
    asked = len(engine.requests)
    await in_thread(engine.stop)
    await in_thread(engine.__enter__)
    assert len(engine.requests) == asked
    await in_thread(want, WantedState.SERVING)
    await until(lambda: rows()[engine.base_url].state == "ready")


async def test_a_rolling_restart_under_load_loses_no_answer(
    two: list[FakeEngine], served: Served, bank: Bank
) -> None:
    replicas = await in_thread(register, *(e.base_url for e in two), name=MODEL, model="fake-model")
    callers = Callers(base_url=served.base_url, key=bank.key.presented)
    async with watching():
        await until(lambda: [row.state for row in rows().values()] == ["ready", "ready"])
        calling = asyncio.ensure_future(callers.run())
        try:
            await asyncio.sleep(1)
            for engine, replica in zip(two, replicas, strict=True):
                before = len(engine.requests)
                await restart(engine, replica)
                await until(lambda e=engine, n=before: _answers_of(e) > n)
        finally:
            callers.end()
            await calling
    assert set(callers.outcomes) == {"whole"}
    assert callers.outcomes["whole"] > 2 * STREAMS
    assert not any(request.hung_up.is_set() for engine in two for request in engine.requests)


def _answers_of(engine: FakeEngine) -> int:
    return sum(request.finished.is_set() for request in engine.requests if request.body.get("stream"))


async def test_requests_that_a_draining_replica_has_are_counted_until_they_end(
    two: list[FakeEngine], served: Served, bank: Bank
) -> None:
    """Over the gateway's own count: these engines tell nothing of themselves."""
    first, _second = two
    first.answers = Answer(text=TEXT, chunk=1, piece_delay=0.25)  # eight seconds
    [replica] = await in_thread(register, first.base_url, name=MODEL, model="fake-model")
    callers = Callers(base_url=served.base_url, key=bank.key.presented)
    async with watching():
        await until(lambda: [row.state for row in rows().values()] == ["ready"])
        calling = asyncio.ensure_future(callers.run())
        await until(lambda: len(first.requests) > STREAMS)
        callers.end()
        await in_thread(
            services.replica_want, actor="system", replica_id=replica.pk, wanted=WantedState.DRAINING
        )
        key = (await in_thread(rows))[first.base_url].key
        counts: list[int | None] = []

        def count() -> int | None:
            seen = fleet().seen(key=key)
            counts.append(seen.in_flight if seen else None)
            return counts[-1]

        await until(lambda: count() == STREAMS)
        await until(lambda: count() == 0)
        await calling
    assert dict(callers.outcomes) == {"whole": STREAMS}
    assert None in counts  # nobody has counted in the first seconds

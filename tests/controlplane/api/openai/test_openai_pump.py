"""The stream's pump: who waits for its next frame can be cancelled at any moment."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from controlplane.api.openai.streaming import _Pump


@pytest.mark.parametrize("turns", range(8))
async def test_cancelling_is_heard_in_the_moment_a_frame_comes(turns: int) -> None:
    """The server does it when the client hangs up; unheard, the engine would go on to the end of its answer."""
    go = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        await go.wait()
        yield b"data: {}\n\n"
        await asyncio.sleep(3600)

    async def sending() -> None:
        while True:
            await pump.next(60)

    pump = _Pump(frames())
    task = asyncio.ensure_future(sending())
    await asyncio.sleep(0.01)
    go.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=1)
    await pump.stop()
    task.cancel()
    assert done, "the cancellation was lost"


async def test_silence_is_a_sign_of_life_and_loses_no_frame() -> None:
    go = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes, None]:
        await go.wait()
        yield b"first"

    pump = _Pump(frames())
    assert await pump.next(0.01) == b": keep-alive\n\n"
    go.set()
    assert [await pump.next(5), await pump.next(5)] == [b"first", None]

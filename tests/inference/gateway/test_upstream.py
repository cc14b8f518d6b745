"""The client of engines over real connections: kept, broken, slow and hostile ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from inference.endpoints import EngineEndpoint
from inference.errors import (
    AnswerTimeout,
    EngineBusy,
    EngineFailed,
    EngineRejected,
    EngineTimeout,
    EngineUnavailable,
    UnknownModel,
)
from inference.gateway.target import target_of
from inference.gateway.upstream import Exchange, UpstreamLimits, UpstreamPool
from tests.inference.gateway.servers import Served, Server, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def pool(**limits: float) -> UpstreamPool:
    return UpstreamPool(limits=UpstreamLimits(**limits))  # type: ignore[arg-type]


async def sent(upstream: UpstreamPool, server: Server, body: bytes = b"{}", within: float = 5.0) -> Exchange:
    return await upstream.send(
        target=server.target, path="chat/completions", body=body, within=within, limit="no answer in time"
    )


async def answered(upstream: UpstreamPool, server: Server, body: bytes = b"{}") -> bytes:
    exchange = await sent(upstream, server, body)
    try:
        return await exchange.whole(most_bytes=1_000_000)
    finally:
        exchange.end()


async def pieces_of(exchange: Exchange) -> AsyncIterator[bytes]:
    """Until it breaks."""
    with suppress(EngineUnavailable):
        while piece := await exchange.read():
            yield piece


async def hello(served: Served) -> None:
    await served.answer(b'{"hello": 1}')


async def test_a_request_is_written_as_the_engine_expects_it() -> None:
    async with serving(hello) as server:
        endpoint = EngineEndpoint(
            name="m", base_url=f"http://127.0.0.1:{server.port}/v1/", model="m", api_key="secret"
        )
        upstream = pool()
        exchange = await upstream.send(
            target=target_of(endpoint=endpoint),
            path="completions",
            body="{'中'}".encode(),
            within=5,
            limit="",
        )
        assert await exchange.whole(most_bytes=100) == b'{"hello": 1}'
        exchange.end()
        upstream.close()
    (request,) = server.requests
    lines = request.head.decode().split("\r\n")
    assert lines[0] == "POST /v1/completions HTTP/1.1"
    assert f"Host: 127.0.0.1:{server.port}" in lines
    assert "Authorization: Bearer secret" in lines
    assert request.body.decode() == "{'中'}"


async def test_a_finished_connection_is_used_again() -> None:
    async with serving(hello) as server:
        upstream = pool()
        for _ in range(3):
            assert await answered(upstream, server) == b'{"hello": 1}'
        assert (server.connections, upstream.in_use) == (1, 0)
        upstream.close()


async def test_requests_at_once_have_connections_of_their_own() -> None:
    async with serving(hello) as server:
        upstream = pool()
        bodies = await asyncio.gather(*(answered(upstream, server, b"%d" % number) for number in range(20)))
        assert bodies == [b'{"hello": 1}'] * 20
        assert {request.body for request in server.requests} == {b"%d" % number for number in range(20)}
        assert upstream.in_use == 0
        upstream.close()


async def test_what_nobody_asked_for_is_never_the_next_answer() -> None:
    async def twice(served: Served) -> None:
        await hello(served)
        if served.number == 1:
            await asyncio.sleep(0.05)
            await served.answer(b"another's")

    async with serving(twice) as server:
        upstream = pool()
        assert await answered(upstream, server) == b'{"hello": 1}'
        await asyncio.sleep(0.15)
        assert await answered(upstream, server) == b'{"hello": 1}'
        assert server.connections == 2
        upstream.close()


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_a_failure() -> None:
    async def once(served: Served) -> None:
        await hello(served)
        if served.number == 1:
            await asyncio.sleep(0.05)
            served.writer.transport.abort()

    async with serving(once) as server:
        upstream = pool()
        await answered(upstream, server)
        await answered(upstream, server)
        assert server.connections == 2
        upstream.close()


async def test_a_kept_connection_that_dies_under_the_request_is_replaced_once() -> None:
    async def dies_second_time(served: Served) -> None:
        if len(server.requests) == 2:
            served.writer.close()
        else:
            await hello(served)

    async with serving(dies_second_time) as server:
        upstream = pool()
        await answered(upstream, server, b"1")
        assert await answered(upstream, server, b"2") == b'{"hello": 1}'
        assert [request.body for request in server.requests] == [b"1", b"2", b"2"]
        assert upstream.in_use == 0
        upstream.close()


async def test_a_new_connection_that_dies_under_the_request_is_a_failure() -> None:
    async def dies(served: Served) -> None:
        served.writer.close()

    async with serving(dies) as server:
        upstream = pool()
        with pytest.raises(EngineUnavailable, match="broke off"):
            await sent(upstream, server)
        assert (len(server.requests), upstream.in_use) == (1, 0)


async def test_chunks_arrive_as_they_are_sent() -> None:
    async def two(served: Served) -> None:
        await served.send(CHUNKED, b"5\r\nfirst\r\n", pause=0.05)
        await served.send(b"6\r\nsecond\r\n0\r\n\r\n")

    async with serving(two) as server:
        upstream = pool()
        exchange = await sent(upstream, server)
        assert exchange.headers["content-type"] == "text/event-stream"
        assert await exchange.read() == b"first"
        assert await exchange.read() == b"second"
        assert await exchange.read() == b""
        exchange.end()
        assert await answered(upstream, server) == b"firstsecond"
        assert server.connections == 1
        upstream.close()


@pytest.mark.parametrize("cut", [b"5\r\nfir", b"5\r\nfirst\r\n", b""])
async def test_a_stream_that_breaks_off_is_a_failure_after_what_came(cut: bytes) -> None:
    async def breaks(served: Served) -> None:
        await served.send(CHUNKED + cut, pause=0.05)
        served.writer.close()

    async with serving(breaks) as server:
        upstream = pool()
        exchange = await sent(upstream, server)
        came = [piece async for piece in pieces_of(exchange)]
        assert b"".join(came) == cut[3:8]
        with pytest.raises(EngineUnavailable, match="broke off"):
            await exchange.read()
        exchange.end()
        assert upstream.in_use == 0


async def test_a_body_without_a_length_lasts_until_the_connection_ends() -> None:
    async def closes(served: Served) -> None:
        await served.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        served.writer.close()

    async with serving(closes) as server:
        upstream = pool()
        assert await answered(upstream, server) == b"all of it"
        assert await answered(upstream, server) == b"all of it"
        assert server.connections == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400 Bad Request", EngineRejected),
        ("404 Not Found", UnknownModel),
        ("429 Too Many Requests", EngineBusy),
        ("503 Service Unavailable", EngineBusy),
        ("500 Internal Server Error", EngineFailed),
        ("504 Gateway Timeout", AnswerTimeout),
    ],
)
async def test_refusals_keep_their_meaning_and_the_connection(status: str, kind: type[Exception]) -> None:
    async def refuses(served: Served) -> None:
        body = b'{"error": {"message": "no such model"}}'
        await served.answer(body, status=status, headers=b"Retry-After: 7\r\n")

    async with serving(refuses) as server:
        upstream = pool()
        for _ in range(2):
            with pytest.raises(kind, match="no such model") as raised:
                await sent(upstream, server)
            assert type(raised.value) is kind
            assert getattr(raised.value, "retry_after", 7.0) == 7.0
        assert (server.connections, upstream.in_use) == (1, 0)
        upstream.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x02\x03" * 10,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
async def test_what_is_no_http_is_a_failure(garbage: bytes) -> None:
    async def talks(served: Served) -> None:
        await served.send(garbage)

    async with serving(talks) as server:
        upstream = pool()
        with pytest.raises(EngineUnavailable, match="no HTTP"):
            await answered(upstream, server)
        assert upstream.in_use == 0
        async with asyncio.timeout(1):
            await server.closed.wait()


async def test_nobody_at_the_address() -> None:
    async with serving(hello) as server:
        pass
    with pytest.raises(EngineUnavailable) as raised:
        await sent(pool(), server)
    assert not isinstance(raised.value, EngineTimeout)


async def test_an_engine_that_says_nothing_runs_into_the_deadline() -> None:
    async def silent(served: Served) -> None:
        await asyncio.sleep(30)

    async with serving(silent) as server:
        upstream = pool()
        with pytest.raises(AnswerTimeout, match="no answer in time"):
            await sent(upstream, server, within=0.2)
        assert upstream.in_use == 0


async def test_an_engine_that_falls_silent_runs_into_the_next_deadline() -> None:
    async def falls_silent(served: Served) -> None:
        await served.send(CHUNKED, b"5\r\nfirst\r\n")
        await asyncio.sleep(30)

    async with serving(falls_silent) as server:
        upstream = pool()
        exchange = await sent(upstream, server, within=0.3)
        assert await exchange.read() == b"first"
        exchange.expect(within=0.2, limit="silent for too long")
        with pytest.raises(AnswerTimeout, match="silent for too long"):
            await exchange.read()
        exchange.end()
        assert upstream.in_use == 0


async def test_a_deadline_that_comes_before_the_one_at_the_start_is_kept() -> None:
    async def falls_silent(served: Served) -> None:
        await served.send(CHUNKED, b"5\r\nfirst\r\n")
        await asyncio.sleep(30)

    async with serving(falls_silent) as server:
        upstream = pool()
        exchange = await sent(upstream, server, within=20)
        assert await exchange.read() == b"first"
        exchange.expect(within=0.2, limit="silent for too long")
        async with asyncio.timeout(2):
            with pytest.raises(AnswerTimeout, match="silent for too long"):
                await exchange.read()
        exchange.end()


async def test_a_slow_reader_holds_the_engine_back_and_breaks_no_deadline() -> None:
    piece = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
    written = 0

    async def fast(served: Served) -> None:
        nonlocal written
        await served.send(CHUNKED)
        for _ in range(400):
            await served.send(piece)
            written += 1
        await served.send(b"0\r\n\r\n")

    async with serving(fast) as server:
        upstream = pool()
        exchange = await sent(upstream, server)
        exchange.expect(within=0.1, limit="silent")
        await asyncio.sleep(0.5)
        assert written < 300, "25 MB were taken from an engine whose client reads nothing"
        assert len(await exchange.whole(most_bytes=64 * 1024**2)) == 400 * 65536
        exchange.end()
        upstream.close()


async def test_more_than_may_be_kept_in_memory_is_refused() -> None:
    async def large(served: Served) -> None:
        await served.answer(b"x" * 5000)

    async with serving(large) as server:
        upstream = pool()
        exchange = await sent(upstream, server)
        with pytest.raises(EngineUnavailable, match="more than 4000 bytes"):
            await exchange.whole(most_bytes=4000)
        exchange.end()
        assert upstream.in_use == 0


async def test_breaking_off_from_another_task_closes_the_engines_connection() -> None:
    async def streams(served: Served) -> None:
        await served.send(CHUNKED, b"5\r\nfirst\r\n")

    async with serving(streams) as server:
        upstream = pool()
        exchange = await sent(upstream, server)
        assert await exchange.read() == b"first"
        asyncio.get_running_loop().call_later(0.05, exchange.break_off, ConnectionResetError("gone"))
        with pytest.raises(ConnectionResetError):
            await exchange.read()
        exchange.end()
        async with asyncio.timeout(0.5):
            await server.closed.wait()
        assert upstream.in_use == 0


async def test_breaking_off_too_late_touches_nobody_else() -> None:
    async with serving(hello) as server:
        upstream = pool()
        first = await sent(upstream, server)
        await first.whole(most_bytes=100)
        first.end()
        second = await sent(upstream, server)
        first.break_off(ConnectionResetError("late"))
        first.end()
        assert await second.whole(most_bytes=100) == b'{"hello": 1}'
        assert upstream.in_use == 1
        second.end()
        upstream.close()


async def test_cancelling_a_request_closes_its_connection() -> None:
    async def silent(served: Served) -> None:
        await asyncio.sleep(0)

    async with serving(silent) as server:
        upstream = pool()
        task = asyncio.ensure_future(sent(upstream, server))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(0.5):
            await server.closed.wait()
        assert upstream.in_use == 0


async def test_an_interim_answer_is_not_the_answer() -> None:
    async def early(served: Served) -> None:
        await served.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", pause=0.05)
        await hello(served)

    async with serving(early) as server:
        upstream = pool()
        assert await answered(upstream, server) == b'{"hello": 1}'
        upstream.close()

"""The head of a response goes with its first piece, and never waits for one that does not come."""

import asyncio
from typing import Any, cast

from controlplane.core.joined_writes import JoinedTransport

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


class Wire:
    """What reaches the connection, in order."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def write(self, data: bytes) -> None:
        self.seen.append(data)

    def close(self) -> None:
        self.seen.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.seen


def joined(wire: Wire) -> JoinedTransport:
    return JoinedTransport(transport=cast(asyncio.Transport, wire), loop=asyncio.get_running_loop())


async def test_head_and_first_piece_are_one_write_and_later_pieces_their_own() -> None:
    wire = Wire()
    transport = joined(wire)
    for data in (HEAD, b"one", b"two"):
        transport.write(data)
    await asyncio.sleep(0)
    assert wire.seen == [HEAD + b"one", b"two"]


async def test_a_head_alone_goes_out_at_once() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(HEAD)
    await asyncio.sleep(0)
    assert wire.seen == [HEAD]
    transport.write(b"late")
    assert wire.seen == [HEAD, b"late"]


async def test_two_heads_in_a_row_keep_their_order() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    transport.write(HEAD)
    transport.write(b"one")
    await asyncio.sleep(0)
    assert b"".join(wire.seen) == b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"one"


async def test_what_is_held_goes_out_before_the_end_and_the_rest_is_the_transports_own() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(HEAD)
    assert not transport.is_closing()
    transport.close()
    assert wire.seen == [HEAD, "closed"]
    assert transport.is_closing()
    await asyncio.sleep(0)
    assert wire.seen == [HEAD, "closed"]


async def test_a_connection_that_was_given_up_gets_nothing_more() -> None:
    wire = Wire()
    transport = joined(wire)
    transport.write(HEAD)
    wire.close()  # past the wrapper, as a lost connection does
    await asyncio.sleep(0)
    assert wire.seen == ["closed"]

"""Events are whole, however the bytes were cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.sse import EventDecoder, EventTooLargeError

STREAM = 'data: {"a": "水渠"}\n\n: ping\n\nevent: x\r\ndata:no space\r\n\r\ndata: one\ndata: two\n\ndata: [DONE]\n\n'
EVENTS = ['{"a": "水渠"}', "no space", "one\ntwo", "[DONE]"]


@given(cuts=st.lists(st.integers(0, 120), max_size=20))
def test_cut_anywhere(cuts: list[int]) -> None:
    raw = STREAM.encode()
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    decoder = EventDecoder()
    found = [event for a, b in itertools.pairwise(edges) for event in decoder.feed(raw[a:b])]
    assert found == EVENTS


def test_an_unfinished_event_is_not_given_out() -> None:
    assert EventDecoder().feed(b"data: half") == []


def test_an_endless_event_is_refused() -> None:
    decoder = EventDecoder()
    for _ in range(16):
        decoder.feed(b"x" * 1024**2)
    with pytest.raises(EventTooLargeError):
        decoder.feed(b"x")

"""Which replica is tried first: the conversation's own, unless it is busier than the others, unwell, or leaving."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.endpoints import EngineEndpoint
from inference.errors import AnswerTimeout, EngineBusy, EngineFailed, EngineRejected, EngineUnavailable
from inference.router.affinity import LOAD_FACTOR, prefix_of
from inference.router.breaker import FAILURES, LONGEST_PAUSE_SECONDS, SUSPECT_SECONDS, Breaker
from inference.router.candidate import Candidate
from inference.router.choice import ordered
from inference.router.router import Router


def endpoint(number: int) -> EngineEndpoint:
    return EngineEndpoint(name="deepseek-r1", base_url=f"http://engine-{number}/v1", model="r1")


def candidates(count: int, **given: object) -> list[Candidate]:
    return [Candidate(endpoint=endpoint(number), **given) for number in range(count)]  # type: ignore[arg-type]


def first(found: list[Candidate], prefix: bytes = b"", turn: int = 0, now: float = 0.0) -> str:
    return ordered(candidates=found, prefix=prefix, turn=turn, now=now)[0].endpoint.base_url


def test_a_conversation_keeps_its_replica_and_conversations_spread() -> None:
    found = candidates(4)
    chosen = {number: first(found, b"conversation %d" % number) for number in range(2000)}
    assert all(first(found, b"conversation %d" % number) == chosen[number] for number in range(0, 2000, 50))
    counts = Counter(chosen.values())
    assert len(counts) == 4
    assert min(counts.values()) > 400


def test_only_the_conversations_of_a_replica_that_leaves_move() -> None:
    found = candidates(5)
    before = {number: first(found, b"c%d" % number) for number in range(500)}
    left = found.pop(2).endpoint.base_url
    moved = [number for number, replica in before.items() if first(found, b"c%d" % number) != replica]
    assert {before[number] for number in moved} == {left}


def test_without_a_beginning_the_least_busy_and_among_equals_in_turn() -> None:
    found = candidates(3)
    assert {first(found, turn=turn) for turn in range(3)} == {each.endpoint.base_url for each in found}
    found[0].outstanding = found[2].outstanding = 2
    assert {first(found, turn=turn) for turn in range(9)} == {"http://engine-1/v1"}


@given(loads=st.lists(st.integers(0, 40), min_size=2, max_size=8), prefix=st.binary(min_size=1, max_size=8))
def test_no_replica_gets_more_than_its_bound(loads: list[int], prefix: bytes) -> None:
    found = candidates(len(loads))
    for candidate, load in zip(found, loads, strict=True):
        candidate.outstanding = load
    chosen = ordered(candidates=found, prefix=prefix, turn=0, now=0.0)[0]
    assert chosen.load < max(1.0, LOAD_FACTOR * (sum(loads) + 1) / len(loads))


def test_a_hot_beginning_is_shared_once_its_replica_is_busy() -> None:
    """Everybody asks about the same document: the load is level all the same."""
    found, rng = candidates(4), random.Random(7)
    under_way: list[Candidate] = []
    for turn in range(400):
        if len(under_way) >= 40:
            under_way.pop(rng.randrange(len(under_way))).outstanding -= 1
        chosen = ordered(candidates=found, prefix=b"the same", turn=turn, now=0.0)[0]
        chosen.outstanding += 1
        under_way.append(chosen)
    assert max(each.load for each in found) <= LOAD_FACTOR * 10 + 1


@pytest.mark.parametrize(
    "unwell",
    [
        {"state": "saturated"},
        {"running": 8, "waiting": 1},
        {"kv_usage": 0.97},
        {"capacity": 4, "outstanding": 4},
        {"state": "starting"},
        {"state": "failed"},
    ],
)
def test_what_is_full_or_unwell_comes_last(unwell: dict[str, object]) -> None:
    well, other = candidates(2, running=3)
    unlucky = Candidate(endpoint=endpoint(9), **unwell)  # type: ignore[arg-type]
    for number in range(20):
        order = ordered(candidates=[unlucky, well, other], prefix=b"%d" % number, turn=0, now=0.0)
        assert order[-1] is unlucky
    assert ordered(candidates=[unlucky], prefix=b"1", turn=0, now=0.0) == [unlucky]


def test_what_drains_gets_nothing_new() -> None:
    draining, ready = candidates(1, state="draining") + candidates(1, state="ready")
    assert ordered(candidates=[draining, ready], prefix=b"", turn=0, now=0.0) == [ready]
    assert ordered(candidates=[draining], prefix=b"", turn=0, now=0.0) == []


def test_the_load_counts_the_requests_of_others_and_the_own_ones_once() -> None:
    candidate = Candidate(endpoint=endpoint(0), outstanding=3)
    assert candidate.load == 3
    candidate.told(state="ready", running=5, waiting=1, kv_usage=0.5)
    assert candidate.load == 6
    candidate.outstanding += 2
    assert candidate.load == 8
    candidate.outstanding = 0
    assert candidate.load == 3


def test_a_breaker_opens_tries_once_and_closes() -> None:
    breaker, now = Breaker(), 100.0
    for _ in range(FAILURES):
        assert breaker.allows(now=now)
        breaker.sent(now=now)
        breaker.failed(now=now)
    assert not breaker.allows(now=now)
    assert breaker.is_suspect(now=now)
    now += breaker.pause(now=now)
    assert breaker.allows(now=now)
    breaker.sent(now=now)
    assert not breaker.allows(now=now)  # one trial at a time
    breaker.succeeded()
    assert breaker.allows(now=now)
    assert not breaker.is_suspect(now=now)


def test_a_breakers_pauses_grow_to_a_limit() -> None:
    breaker, now, pauses = Breaker(), 0.0, []
    for _ in range(12):
        breaker.sent(now=now)
        breaker.failed(now=now)
        pauses.append(breaker.pause(now=now))
        now += pauses[-1]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_an_engine_that_answers_that_it_failed_is_only_suspected() -> None:
    """Else one caller's request that makes it fail would close it for all."""
    breaker = Breaker()
    for _ in range(FAILURES * 2):
        breaker.faltered(now=1.0)
    assert breaker.allows(now=1.0)
    assert breaker.is_suspect(now=1.0)
    assert not breaker.is_suspect(now=1.0 + SUSPECT_SECONDS)


@pytest.mark.parametrize(
    ("error", "suspect"),
    [
        (EngineUnavailable("refused"), True),
        (EngineFailed("HTTP 500"), True),
        (EngineBusy("HTTP 429"), False),
        (AnswerTimeout("slow"), False),
        (EngineRejected("no", status=400), False),
        (None, False),
    ],
)
def test_how_a_request_ends_is_the_replicas_health(error: Exception | None, suspect: bool) -> None:
    router = Router()
    unlucky, other = router.order(endpoints=[endpoint(0), endpoint(1)])
    for _ in range(2):
        if error is None:
            with router.under_way(candidate=unlucky):
                assert unlucky.outstanding == 1
        else:
            with pytest.raises(type(error)), router.under_way(candidate=unlucky):
                raise error
    assert unlucky.outstanding == 0
    orders = [router.order(endpoints=[endpoint(0), endpoint(1)])[0] for _ in range(4)]
    assert (set(map(id, orders)) == {id(other)}) is suspect


def test_a_replica_with_a_new_key_keeps_its_history_and_a_forgotten_one_its_requests() -> None:
    router = Router()
    (candidate,) = router.order(endpoints=[endpoint(0)])
    with router.under_way(candidate=candidate):
        router.keep(endpoints=[])
        assert router.candidate(endpoint=replace(endpoint(0), api_key="new")) is candidate
        assert candidate.endpoint.api_key == "new"
    router.keep(endpoints=[])
    assert router.candidate(endpoint=endpoint(0)) is not candidate


SYSTEM = {"role": "system", "content": "Answer from the documents."}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        # A later turn of a conversation.
        (
            {"messages": [SYSTEM, {"role": "user", "content": "A?"}]},
            {
                "messages": [
                    SYSTEM,
                    {"role": "user", "content": "A?"},
                    {"role": "assistant", "content": "a"},
                    {"role": "user", "content": "B?"},
                ]
            },
            True,
        ),
        # Another question with the same instructions.
        (
            {"messages": [SYSTEM, {"role": "user", "content": "A?"}]},
            {"messages": [SYSTEM, {"role": "user", "content": "C?"}]},
            False,
        ),
        # Two questions at the end of the same long text.
        (
            {"messages": [{"role": "user", "content": "x" * 9000 + "A?"}]},
            {"messages": [{"role": "user", "content": "x" * 9000 + "B?"}]},
            False,
        ),
        ({"messages": [], "prompt_cache_key": "k"}, {"messages": [SYSTEM], "prompt_cache_key": "k"}, True),
        ({"prompt": "once upon"}, {"prompt": "once upon"}, True),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "A?"}]}]},
            {"messages": [{"role": "user", "content": "A?"}]},
            True,
        ),
    ],
)
def test_what_belongs_together(one: dict[str, object], other: dict[str, object], same: bool) -> None:
    assert (prefix_of(body=one) == prefix_of(body=other)) is same


@pytest.mark.parametrize(
    "body", [{}, {"messages": 7}, {"messages": [7, {"content": 9}]}, {"prompt": [1, 2]}, {"input": "x"}]
)
def test_nonsense_has_no_beginning(body: dict[str, object]) -> None:
    assert prefix_of(body=body).replace(b"\x00", b"") == b""

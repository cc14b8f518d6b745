"""The gate: limits, the queue in front of a full pool, and that nothing leaks whatever happens."""

import asyncio
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.admission import Bounds, Gate, Left, Limits, Party, Refused, Ticket
from tests.inference.admission.parties import Clock, party


def gate_of(capacity: int | None, *, clock: Clock | None = None, **bounds: float) -> Gate:
    given = Bounds(**bounds)  # type: ignore[arg-type]
    gate = Gate(bounds=given, clock=clock or time.monotonic)
    gate.set_capacity(pool="r1", capacity=capacity)
    return gate


def entered(gate: Gate, who: Party, cost: float = 1.0) -> Ticket:
    ticket = gate.try_enter(party=who, pool="r1", cost=cost)
    assert ticket is not None
    return ticket


async def waiter(gate: Gate, who: Party, cost: float = 1.0, **more: object) -> "asyncio.Task[Ticket]":
    task = asyncio.ensure_future(gate.enter(party=who, pool="r1", cost=cost, **more))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    return task


async def test_a_full_pool_makes_wait_and_whoever_leaves_lets_the_next_in() -> None:
    gate = gate_of(1)
    first = entered(gate, party("a"))
    assert gate.try_enter(party=party("b"), pool="r1", cost=1) is None
    second = await waiter(gate, party("b"))
    third = await waiter(gate, party("b"))
    first.leave()
    ticket = await second
    assert not third.done()
    assert ticket.waited > 0
    ticket.leave()
    (await third).leave()
    assert gate.pools["r1"].running == 0


async def test_nobody_overtakes_the_queue_when_a_place_is_free_for_a_moment() -> None:
    gate = gate_of(1)
    first = entered(gate, party("a"))
    second = await waiter(gate, party("b"))
    first.leave()
    assert gate.try_enter(party=party("c"), pool="r1", cost=1) is None
    (await second).leave()


async def test_leaving_twice_is_leaving_once() -> None:
    gate = gate_of(2)
    first, _second = entered(gate, party("a")), entered(gate, party("a"))
    first.leave()
    first.leave()
    assert gate.pools["r1"].running == 1


async def test_without_a_capacity_nobody_waits() -> None:
    gate = gate_of(None)
    tickets = [entered(gate, party("a")) for _ in range(1000)]
    for ticket in tickets:
        ticket.leave(tokens=10)
    assert gate.pools["r1"].running == 0
    assert gate.pools["r1"].tenants == {}


async def test_a_smaller_capacity_lets_nobody_in_until_enough_have_left() -> None:
    gate = gate_of(3)
    tickets = [entered(gate, party("a")) for _ in range(3)]
    gate.set_capacity(pool="r1", capacity=1)
    waiting = await waiter(gate, party("a"))
    tickets[0].leave()
    tickets[1].leave()
    await asyncio.sleep(0)
    assert not waiting.done()
    tickets[2].leave()
    (await waiting).leave()


async def test_a_greater_capacity_lets_in_who_waits() -> None:
    gate = gate_of(1)
    entered(gate, party("a"))
    waiting = [await waiter(gate, party("a")) for _ in range(3)]
    gate.set_capacity(pool="r1", capacity=3)
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [True, True, False]
    gate.set_capacity(pool="r1", capacity=None)
    await asyncio.gather(*waiting)


async def test_who_hangs_up_leaves_the_queue_at_once_and_owes_nothing() -> None:
    limits = Limits(requests_per_minute=60, tokens_per_minute=6000, concurrency=5)
    clock = Clock()
    gate = gate_of(1, clock=clock)
    entered(gate, party("a"))
    waiting = await waiter(gate, party("b", limits=limits), 500)
    account = gate.accounts["b"]
    assert account.in_flight == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.pools["r1"].queue.length == 0
    assert account.in_flight == 0
    left = account.requests_left(now=clock()), account.tokens_left(now=clock())
    assert [one and one.remaining for one in left] == [10, 1000]


@pytest.mark.parametrize("then", ["cancelled", "served"])
async def test_hanging_up_in_the_moment_of_ones_turn_gives_the_place_to_the_next(then: str) -> None:
    gate = gate_of(1)
    first = entered(gate, party("a"))
    second, third = await waiter(gate, party("b")), await waiter(gate, party("c"))
    if then == "cancelled":
        second.cancel()
        first.leave()
    else:
        first.leave()
        second.cancel()
    (await third).leave()
    with suppress(asyncio.CancelledError):
        await second
    assert gate.pools["r1"].running == 0


async def test_too_many_requests_are_refused_with_the_time_until_the_next() -> None:
    clock = Clock()
    gate = gate_of(None, clock=clock)
    who = party("a", limits=Limits(requests_per_minute=6))
    entered(gate, who).leave()
    with pytest.raises(Refused) as refused:
        gate.try_enter(party=who, pool="r1", cost=1)
    found = refused.value
    assert (found.kind, found.level, found.limit) == ("requests", "tenant", 6)
    assert found.retry_after == pytest.approx(10)
    clock.now += 10
    entered(gate, who)


async def test_tokens_are_reserved_and_settled() -> None:
    clock = Clock()
    gate = gate_of(None, clock=clock)
    who = party("a", "x", department_limits=Limits(tokens_per_minute=6000))
    ticket = entered(gate, who, 1000)
    with pytest.raises(Refused) as refused:
        entered(gate, who, 600)
    assert (refused.value.kind, refused.value.level) == ("tokens", "department")
    assert refused.value.retry_after == pytest.approx(6)
    ticket.leave(tokens=100)
    entered(gate, who, 600).leave(tokens=1500)
    with pytest.raises(Refused) as refused:
        entered(gate, who, 100)
    assert refused.value.retry_after == pytest.approx(7)


async def test_a_refusal_at_the_department_takes_nothing_from_the_tenant() -> None:
    clock = Clock()
    gate = gate_of(None, clock=clock)
    who = party(
        "a", "x", limits=Limits(requests_per_minute=60), department_limits=Limits(requests_per_minute=6)
    )
    entered(gate, who)
    for _ in range(20):
        with pytest.raises(Refused):
            entered(gate, who)
    entered(gate, party("a", limits=who.tenant.limits))
    left = gate.accounts["a"].requests_left(now=clock())
    assert left
    assert (left.limit, left.remaining) == (60, 8)


async def test_concurrency_counts_who_is_served_and_who_waits() -> None:
    gate = gate_of(1)
    who = party("a", limits=Limits(concurrency=2))
    ticket = entered(gate, who)
    waiting = await waiter(gate, who)
    with pytest.raises(Refused) as refused:
        await gate.enter(party=who, pool="r1", cost=1)
    assert (refused.value.kind, refused.value.limit) == ("concurrency", 2)
    ticket.leave()
    (await waiting).leave()
    entered(gate, who)


async def test_limits_may_change_while_requests_are_under_way() -> None:
    gate = gate_of(None)
    tickets = [entered(gate, party("a", limits=Limits(concurrency=5))) for _ in range(3)]
    smaller = party("a", limits=Limits(concurrency=2))
    with pytest.raises(Refused):
        entered(gate, smaller)
    for ticket in tickets:
        ticket.leave()
    entered(gate, smaller)
    entered(gate, party("a"))  # none any more


async def test_a_full_queue_refuses_with_the_time_it_takes_to_drain() -> None:
    clock = Clock()
    gate = gate_of(1, clock=clock, most_waiting=4, most_of_tenant=3)
    ticket = entered(gate, party("a"))
    for _ in range(30):  # two a second
        clock.now += 0.5
        ticket.leave()
        ticket = entered(gate, party("a"))
    waiting = [await waiter(gate, party("b")) for _ in range(3)]
    with pytest.raises(Refused) as of_tenant:
        await gate.enter(party=party("b"), pool="r1", cost=1)
    assert (of_tenant.value.kind, of_tenant.value.level, of_tenant.value.limit) == ("queue_full", "tenant", 3)
    assert of_tenant.value.retry_after == pytest.approx(1.5, rel=0.1)
    waiting.append(await waiter(gate, party("c")))
    with pytest.raises(Refused) as of_pool:
        await gate.enter(party=party("d"), pool="r1", cost=1)
    assert (of_pool.value.kind, of_pool.value.level, of_pool.value.limit) == ("queue_full", "pool", 4)
    assert of_pool.value.retry_after == pytest.approx(2, rel=0.1)
    for task in waiting:
        task.cancel()


async def test_who_waited_too_long_is_sent_away() -> None:
    gate = gate_of(1, longest_wait=0.05)
    entered(gate, party("a"))
    with pytest.raises(Refused) as refused:
        await gate.enter(party=party("b"), pool="r1", cost=1)
    assert (refused.value.kind, refused.value.limit) == ("waited_too_long", 0.05)
    assert gate.pools["r1"].queue.length == 0


async def test_positions_are_told_when_they_change() -> None:
    gate = gate_of(1)
    ticket = entered(gate, party("a"))
    heard: list[list[int]] = [[], []]
    first = await waiter(gate, party("b"), told=heard[0].append)
    second = await waiter(gate, party("b"), told=heard[1].append)
    await asyncio.sleep(0.4)
    assert heard == [[1], [2]]
    ticket.leave()
    held = await first
    await asyncio.sleep(1.1)
    assert heard == [[1], [2, 1]]
    held.leave()
    (await second).leave()


async def test_batch_goes_behind_interactive() -> None:
    gate = gate_of(1)
    ticket = entered(gate, party("a"))
    behind = await waiter(gate, party("a", priority="batch"))
    ahead = await waiter(gate, party("a"))
    ticket.leave()
    held = await ahead
    assert not behind.done()
    held.leave()
    (await behind).leave()


steps = st.one_of(
    st.tuples(st.just("enter"), st.sampled_from("abc"), st.sampled_from(["interactive", "batch"])),
    st.tuples(st.just("leave"), st.integers(0, 99), st.integers(0, 30)),
    st.tuples(st.just("cancel"), st.integers(0, 99), st.booleans()),
    st.tuples(st.just("capacity"), st.integers(0, 4), st.none()),
    st.tuples(st.just("breathe"), st.none(), st.none()),
)


@settings(max_examples=200, deadline=None)
@given(plan=st.lists(steps, max_size=60))
def test_never_over_capacity_never_idle_while_somebody_waits_and_nothing_leaks(
    plan: list[tuple[str, object, object]],
) -> None:
    asyncio.run(_play(plan))


async def _play(plan: list[tuple[str, object, object]]) -> None:
    gate = gate_of(2)
    pool = gate.pool("r1")
    limits = Limits(concurrency=1000, tokens_per_minute=10**6)
    tasks: list[asyncio.Task[Ticket]] = []
    allowed = 2  # what may still run since the capacity was larger
    for step, first, second in plan:
        if step == "enter":
            who = party(str(first), "x", priority=second, limits=limits)  # type: ignore[arg-type]
            tasks.append(await waiter(gate, who, 10))
        elif step == "leave":
            ready = [task for task in tasks if task.done() and not task.cancelled()]
            if ready:
                gone = ready[int(str(first)) % len(ready)]
                gone.result().leave(tokens=int(str(second)))
                tasks.remove(gone)
        elif step == "cancel" and tasks:
            task = tasks[int(str(first)) % len(tasks)]
            if not task.done():
                task.cancel()
                tasks.remove(task)
                if second:
                    with suppress(asyncio.CancelledError):
                        (await task).leave()
        elif step == "capacity":
            gate.set_capacity(pool="r1", capacity=int(str(first)))
        else:
            await asyncio.sleep(0)
        allowed = max(pool.capacity or 0, min(allowed, pool.running))
        assert pool.running <= allowed
        assert not pool.queue.length or pool.running >= (pool.capacity or 0)
    await asyncio.sleep(0)
    gate.set_capacity(pool="r1", capacity=len(tasks) + 1)
    for ticket in await asyncio.gather(*tasks):
        ticket.leave(tokens=10)
    assert (pool.running, pool.queue.length, pool.tenants) == (0, 0, {})
    assert all(account.in_flight == 0 for account in gate.accounts.values())


async def test_entering_a_pool_with_room_takes_microseconds() -> None:
    """Five on an ordinary machine; the bound here leaves room for a busy one."""
    gate = gate_of(100)
    who = party("a", "x")
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(1000):
            ticket = gate.try_enter(party=who, pool="r1", cost=100)
            assert ticket
            ticket.leave(tokens=90)
        best = min(best, (time.perf_counter() - began) / 1000)
    print(f"in and out: {best * 1e6:.2f} µs")
    assert best < 25e-6


async def test_what_is_left_is_of_the_tenant_or_the_department_whichever_has_less() -> None:
    clock = Clock()
    gate = gate_of(None, clock=clock)
    limits, of_department = (
        Limits(requests_per_minute=60),
        Limits(requests_per_minute=120, tokens_per_minute=6000),
    )
    who = party("a", "x", limits=limits, department_limits=of_department)
    assert gate.left(party=party("b")) == (None, None)
    assert gate.accounts == {}
    assert gate.left(party=who) == (Left(60, 10, 0.0), Left(6000, 1000, 0.0))
    entered(gate, who, 250)
    clock.now += 0.5
    requests, tokens = gate.left(party=who)
    assert requests == Left(60, 9, pytest.approx(0.5))
    assert tokens == Left(6000, 800, pytest.approx(2.0))

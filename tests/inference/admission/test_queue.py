"""The fair queue without a pool: order, shares by weight, batch, and that nothing stays behind."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.admission.party import Party
from inference.admission.queue import FairQueue, Waiter
from tests.inference.admission.parties import party

Asked = tuple[str, str, str, float]


LOOP = asyncio.new_event_loop()


def waiting(who: Party, cost: float = 1.0) -> Waiter:
    return Waiter(who, cost, LOOP.create_future())


def filled(*some: tuple[Party, int, float]) -> FairQueue:
    queue = FairQueue()
    for who, number, cost in some:
        for _ in range(number):
            queue.push(waiting(who, cost))
    return queue


def served(queue: FairQueue, number: int) -> Counter[str]:
    counts: Counter[str] = Counter()
    for _ in range(number):
        one = queue.pop()
        counts[one.party.tenant.key] += 1
    return counts


def test_tenants_go_by_weight() -> None:
    queue = filled((party("a", weight=3), 300, 10), (party("b", weight=1), 300, 10))
    counts = served(queue, 200)
    assert counts["a"] == pytest.approx(150, abs=2)


def test_shares_are_of_tokens_and_not_of_requests() -> None:
    queue = filled((party("long"), 100, 400), (party("short"), 400, 100))
    counts = served(queue, 250)
    assert counts["short"] == pytest.approx(4 * counts["long"], rel=0.05)


def test_departments_share_what_their_tenant_gets() -> None:
    queue = filled(
        (party("a", "trade", department_weight=4), 200, 5),
        (party("a", "archive", department_weight=1), 200, 5),
        (party("b"), 200, 5),
    )
    counts: Counter[tuple[str, str]] = Counter()
    for _ in range(200):
        one = queue.pop().party
        counts[one.tenant.key, one.department.key if one.department else ""] += 1
    assert counts["b", ""] == pytest.approx(100, abs=2)
    assert counts["a", "a/trade"] == pytest.approx(80, abs=3)


def test_who_comes_later_does_not_wait_for_the_backlog_of_others() -> None:
    queue = filled((party("flood"), 1000, 100))
    served(queue, 50)
    queue.push(waiting(party("b"), 100))
    assert "b" in served(queue, 2)


def test_nobody_saves_up_while_idle() -> None:
    queue = filled((party("a"), 200, 10), (party("b"), 1, 10))
    served(queue, 100)
    for _ in range(100):
        queue.push(waiting(party("b"), 10))
    assert served(queue, 20)["b"] == pytest.approx(10, abs=1)


def test_entering_and_leaving_buys_no_place_in_the_past() -> None:
    queue = filled((party("a"), 200, 10))
    gone = waiting(party("b"), 10)
    queue.push(gone)
    queue.remove(gone)
    served(queue, 100)
    for _ in range(100):
        queue.push(waiting(party("b"), 10))
    assert served(queue, 20)["b"] == pytest.approx(10, abs=1)


def test_what_was_used_beyond_the_estimate_is_paid_at_the_next_turn() -> None:
    queue = filled((party("a"), 100, 10), (party("b"), 100, 10))
    first = queue.pop()
    for flow in first.flows:
        flow.charge(more=90)
    after = served(queue, 12)
    other = "b" if first.party.tenant.key == "a" else "a"
    assert after[other] >= 10


def test_batch_gets_every_twentieth_turn_and_all_of_an_idle_pool() -> None:
    queue = filled((party("a"), 100, 1), (party("b", priority="batch"), 100, 1))
    assert served(queue, 100) == {"a": 95, "b": 5}
    queue = filled((party("b", priority="batch"), 10, 1))
    assert served(queue, 10) == {"b": 10}


def test_agreed_weights_hold_instead_of_the_tenants_own() -> None:
    queue = filled((party("a", weight=1), 200, 10), (party("b", weight=1), 200, 10))
    queue.weigh(interactive={"a": 3.0, "b": 1.0}, batch={})
    assert served(queue, 100)["a"] == pytest.approx(75, abs=2)


names = st.sampled_from(["a", "b", "c"])
asked = st.tuples(
    names, st.sampled_from(["x", "y"]), st.sampled_from(["interactive", "batch"]), st.floats(0, 50)
)


@settings(max_examples=150, deadline=None)
@given(asks=st.lists(st.one_of(asked, st.just("pop"), st.integers(0, 50)), max_size=120))
def test_everybody_goes_once_and_first_come_first_served_in_a_department(
    asks: list[Asked | str | int],
) -> None:
    queue = FairQueue()
    inside: list[Waiter] = []
    gone: list[Waiter] = []
    for ask in asks:
        if isinstance(ask, tuple):
            tenant, department, priority, cost = ask
            one = waiting(party(tenant, department, priority=priority), cost)
            queue.push(one)
            inside.append(one)
        elif isinstance(ask, int):
            if inside:
                queue.remove(inside.pop(ask % len(inside)))
        elif inside:
            expected = next(queue.order())
            one = queue.pop()
            assert one is expected
            inside.remove(one)
            gone.append(one)
        assert queue.length == len(inside) == len(list(queue.order()))
    while inside:
        one = queue.pop()
        inside.remove(one)
        gone.append(one)
    assert queue.length == 0
    assert queue.tenants() == {}
    by_flow: dict[Party, list[int]] = {}
    for one in gone:
        by_flow.setdefault(one.party, []).append(one.number)
    assert all(earlier < later for numbers in by_flow.values() for earlier, later in pairwise(numbers))


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.integers(1, 10), min_size=2, max_size=5),
    costs=st.lists(st.floats(1, 100), min_size=5, max_size=5),
)
def test_tokens_served_in_a_backlog_are_by_weight_within_a_tenth(
    weights: list[int], costs: list[float]
) -> None:
    queue = FairQueue()
    total = {f"t{number}": 0.0 for number in range(len(weights))}
    most = max(costs)

    def one_more(number: int) -> None:
        queue.push(waiting(party(f"t{number}", weight=weights[number]), costs[number % 5]))

    for number in range(len(weights)):
        one_more(number)
        one_more(number)
    # Until the lightest has had so many that a single request is far below a tenth.
    while min(got / weight for got, weight in zip(total.values(), weights, strict=True)) < 40 * most:
        gone = queue.pop()
        total[gone.party.tenant.key] += gone.cost
        one_more(int(gone.party.tenant.key[1:]))
    everything, everybody = sum(total.values()), sum(weights)
    for number, weight in enumerate(weights):
        assert total[f"t{number}"] / everything == pytest.approx(weight / everybody, rel=0.1)


def test_ten_thousand_idle_tenants_are_forgotten() -> None:
    queue = FairQueue()
    for number in range(10_000):
        queue.push(waiting(party(f"t{number}")))
        queue.pop()
    assert len(queue._interactive._flows) < 1000

"""Dividing a pool: by weight, nothing unused that somebody wants, and the same sum whoever computes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.admission.allocation import Wish, allocate, lease, water_fill, whole


def test_water_goes_by_weight_and_none_gets_more_than_it_wants() -> None:
    wanted = {"a": (100.0, 1.0), "b": (100.0, 3.0), "c": (2.0, 4.0)}
    assert water_fill(capacity=22, wanted=wanted) == pytest.approx({"a": 5, "b": 15, "c": 2})


@given(
    capacity=st.floats(0, 100),
    wanted=st.dictionaries(st.text(max_size=3), st.tuples(st.floats(0, 50), st.floats(0.1, 10)), max_size=8),
)
def test_water_is_never_wasted_nor_made(capacity: float, wanted: dict[str, tuple[float, float]]) -> None:
    given = water_fill(capacity=capacity, wanted=wanted)
    everything = sum(want for want, _weight in wanted.values())
    assert sum(given.values()) == pytest.approx(min(capacity, everything), abs=1e-6)
    assert all(given[name] <= want + 1e-6 for name, (want, _weight) in wanted.items())


def test_a_tenants_places_go_where_it_wants_them() -> None:
    wishes = {
        "p1": {"a": Wish(interactive=90, weight=1), "b": Wish(interactive=10, weight=3)},
        "p2": {"b": Wish(interactive=30, weight=3)},
        "p3": {},
    }
    shares = allocate(capacity=16, wishes=wishes)
    assert [shares[name].places for name in ("p1", "p2", "p3")] == pytest.approx([4 + 3, 9, 0])
    assert shares["p1"].interactive == pytest.approx({"a": 1, "b": 0.75})
    assert shares["p2"].interactive == pytest.approx({"b": 2.25})


def test_batch_gets_what_is_left_and_a_twentieth_otherwise() -> None:
    full = {"p1": {"a": Wish(interactive=100)}, "p2": {"b": Wish(batch=100)}}
    shares = allocate(capacity=20, wishes=full)
    assert [shares["p1"].places, shares["p2"].places] == pytest.approx([19, 1])
    half = {"p1": {"a": Wish(interactive=10)}, "p2": {"b": Wish(batch=100)}}
    shares = allocate(capacity=20, wishes=half)
    assert [shares["p1"].places, shares["p2"].places] == pytest.approx([10, 10])


def test_what_nobody_wants_is_divided_evenly() -> None:
    shares = allocate(capacity=12, wishes={"p1": {"a": Wish(interactive=3)}, "p2": {}, "p3": {}})
    assert [shares[name].places for name in ("p1", "p2", "p3")] == pytest.approx([6, 3, 3])


@given(
    capacity=st.integers(0, 60),
    wishes=st.dictionaries(
        st.sampled_from(["p1", "p2", "p3"]),
        st.dictionaries(
            st.sampled_from(["a", "b", "c"]),
            st.builds(
                Wish, interactive=st.integers(0, 40), batch=st.integers(0, 40), weight=st.integers(1, 9)
            ),
        ),
        min_size=1,
    ),
    turn=st.integers(0, 10**9),
)
def test_whole_places_are_the_capacity(capacity: int, wishes: dict[str, dict[str, Wish]], turn: int) -> None:
    shares = allocate(capacity=capacity, wishes=wishes)
    places = whole(shares=[shares[name].places for name in sorted(wishes)], turn=turn)
    assert sum(places) == capacity
    assert all(
        abs(got - shares[name].places) < 1 + 1e-6 for name, got in zip(sorted(wishes), places, strict=True)
    )


def test_over_many_turns_each_gets_its_fractions() -> None:
    shares = [0.2, 0.3, 0.5]
    given = [whole(shares=shares, turn=turn) for turn in range(1000)]
    assert all(sum(one) == 1 for one in given)
    assert [sum(one[place] for one in given) / 1000 for place in range(3)] == pytest.approx(shares, abs=0.01)


@given(
    held=st.lists(st.integers(0, 20), min_size=3, max_size=3),
    cut=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    turn=st.integers(0, 1000),
)
def test_while_places_change_hands_no_more_are_given_than_there_are(
    held: list[int], cut: tuple[int, int], turn: int
) -> None:
    capacity, (low, high) = 20, sorted(cut)
    targets = dict(zip("xyz", [low, high - low, capacity - high], strict=True))
    having = dict(zip("xyz", held, strict=True))
    # Who serves more than its target goes on serving: it gives nothing up before it ends.
    after = {
        me: max(
            held_now if held_now > targets[me] else 0,
            lease(me=me, targets=targets, held=having, capacity=capacity, turn=turn),
        )
        for me, held_now in having.items()
    }
    assert sum(after.values()) <= max(capacity, sum(held))

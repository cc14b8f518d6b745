"""Token buckets: what goes at once, when the next one goes, and what a settlement changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.admission.buckets import Bucket, burst_of


def test_ten_seconds_go_at_once_and_the_next_waits_for_the_rate() -> None:
    bucket = Bucket(per_minute=60, burst=burst_of(per_minute=60, processes=1), now=0)
    for _ in range(10):
        assert bucket.wait(amount=1, now=0) == 0
        bucket.take(amount=1)
    assert bucket.wait(amount=1, now=0) == pytest.approx(1.0)
    assert bucket.wait(amount=1, now=0.25) == pytest.approx(0.75)
    assert bucket.wait(amount=1, now=1.0) == 0


def test_what_is_larger_than_the_bucket_goes_when_it_is_full_and_is_paid_afterwards() -> None:
    bucket = Bucket(per_minute=600, burst=100, now=0)
    assert bucket.wait(amount=500, now=0) == 0
    bucket.take(amount=500)
    assert bucket.wait(amount=1, now=0) == pytest.approx(40.1)


def test_what_was_reserved_and_not_used_comes_back() -> None:
    bucket = Bucket(per_minute=600, burst=100, now=0)
    bucket.take(amount=100)
    bucket.give(amount=80)
    assert bucket.left(now=0) == pytest.approx(80)
    bucket.give(amount=80)
    assert bucket.left(now=0) == 100


def test_a_smaller_rate_takes_away_what_no_longer_fits() -> None:
    bucket = Bucket(per_minute=600, burst=100, now=0)
    bucket.set_rate(per_minute=60, burst=10, now=0)
    assert bucket.left(now=0) == 10
    bucket.set_rate(per_minute=600, burst=100, now=0)
    assert bucket.left(now=0) == 10


@given(
    per_minute=st.integers(6, 6000),
    asks=st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 5)), max_size=200),
)
def test_in_any_minute_at_most_seven_sixths_of_the_rate_and_one_request(
    per_minute: int, asks: list[tuple[float, float]]
) -> None:
    bucket = Bucket(per_minute=per_minute, burst=burst_of(per_minute=per_minute, processes=1), now=0)
    now, taken = 0.0, []
    for later, amount in asks:
        now += later
        if bucket.wait(amount=amount, now=now) == 0:
            bucket.take(amount=amount)
            taken.append((now, amount))
    for begin, _amount in taken:
        in_minute = sum(amount for at, amount in taken if begin <= at < begin + 60)
        assert in_minute <= per_minute * 7 / 6 + 5 + 1e-6


def test_the_first_request_is_let_in_whoever_looked_at_the_clock_first() -> None:
    """The clock of a request is read before the bucket is made that it is the first to need."""
    bucket = Bucket(per_minute=1, burst=1, now=100.0)
    assert bucket.wait(amount=1, now=99.9) == 0.0

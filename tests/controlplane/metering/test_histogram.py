import pytest

from controlplane.metering.histogram import BOUNDS, BUCKETS, EMPTY, added, counted, quantile


def test_of_no_times_there_is_no_quantile() -> None:
    assert quantile(EMPTY, 0.5) is None


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ([0], 0.5, 25),  # between 0 and 50
        ([1, 1], 0.5, 75),  # the middle of 50 to 100
        ([1, 1], 1.0, 100),
        ([0, 3, 8], 0.5, 175),  # the middle of 150 to 200
        ([1] * 95 + [9] * 5, 0.95, 100),
        ([1] * 94 + [9] * 6, 0.95, 1083),  # the first of six between 1000 and 1500
        ([BUCKETS - 1], 0.5, BOUNDS[-1]),  # beyond the last bound
    ],
)
def test_quantiles_are_read_inside_their_bucket(buckets: list[int], share: float, expected: int) -> None:
    assert quantile(counted(buckets), share) == expected


def test_histograms_add_up() -> None:
    both = added(counted([1, 2]), counted([2, 25]))
    assert both == counted([1, 2, 2, 25])
    assert sum(both) == 4

"""Times in fixed buckets: those of any hours, departments and models add up, and the sum still has its percentiles."""

from collections.abc import Iterable, Sequence

# Milliseconds, each the lower bound of a bucket; a bucket from 0 stands before the first. Part of the stored data: append
# or split only with a migration that counts everything again.
BOUNDS = (
    50, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 7_500,
    10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 180_000, 300_000,
)  # fmt: skip
BUCKETS = len(BOUNDS) + 1
EMPTY = (0,) * BUCKETS
_EDGES = (0, *BOUNDS)

Histogram = tuple[int, ...]


def counted(buckets: Iterable[int]) -> Histogram:
    """From bucket numbers as `width_bucket(ms, BOUNDS)` gives them."""
    counts = [0] * BUCKETS
    for bucket in buckets:
        counts[bucket] += 1
    return tuple(counts)


def added(one: Histogram, other: Histogram) -> Histogram:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def quantile(histogram: Sequence[int], share: float) -> int | None:
    """Milliseconds below which that share of the times lies, straight lines drawn inside a bucket; None of no times.

    Beyond the last bound nothing is known, so it answers the bound.
    """
    rank = share * sum(histogram)
    if not rank:
        return None
    below = 0
    for bucket, count in enumerate(histogram[:-1]):
        if below + count >= rank:
            low, high = _EDGES[bucket], _EDGES[bucket + 1]
            return round(low + (high - low) * (rank - below) / count)
        below += count
    return BOUNDS[-1]

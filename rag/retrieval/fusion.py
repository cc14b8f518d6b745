"""One score from two: a weighted sum of what each leg reached out of what it could have reached.

Neither the other candidates nor their number enter, so scores of different questions compare. On the data sets this ranks
better than reciprocal ranks, and no worse than z-scores over the whole corpus, which no index can give (bench/README.md).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's cosines mean. `floor`: that of unrelated texts. `weight`: of the cosine above it, against BM25."""

    floor: float
    weight: float

    def meaning(self, cosine: float) -> float:
        return (cosine - self.floor) / (1 - self.floor)


# By the beginning of the model's name; measured by bench/bench_embedding.py.
CALIBRATIONS = {
    "use-multilingual": Calibration(floor=0.0, weight=0.32),
    "multilingual-e5-small": Calibration(floor=0.82, weight=0.42),
}
OTHER = Calibration(floor=0.2, weight=0.4)


def calibration(*, model: str) -> Calibration:
    """Of the embedding model; a general one where it was not measured."""
    return next((found for name, found in CALIBRATIONS.items() if model.startswith(name)), OTHER)


def fused(*, calibration: Calibration, dense: float | None, keyword: float | None, best: float) -> float:
    """About 0 to 1: below 0 where the cosine is under the floor. `best`: the highest BM25 that the query can reach."""
    words = keyword / best if keyword is not None and best > 0 else 0.0
    if dense is None:
        return words
    meaning = calibration.meaning(dense)
    return meaning if keyword is None else calibration.weight * meaning + (1 - calibration.weight) * words

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


@dataclass(frozen=True, slots=True)
class Parts:
    """What each leg reached out of what it could have reached; None for one that took no part."""

    meaning: float | None
    words: float | None
    meaning_weight: float
    words_weight: float

    @property
    def score(self) -> float:
        meaning, words = self.meaning or 0.0, self.words or 0.0
        return self.meaning_weight * meaning + self.words_weight * words


def parts(*, calibration: Calibration, dense: float | None, keyword: float | None, best: float) -> Parts:
    """`best`: the highest BM25 that the query can reach. The score is about 0 to 1: below 0 where the cosine is under the
    floor."""
    meaning = None if dense is None else calibration.meaning(dense)
    words = None if keyword is None else (keyword / best if best > 0 else 0.0)
    if meaning is None or words is None:
        return Parts(meaning, words, meaning_weight=1.0, words_weight=1.0)
    return Parts(meaning, words, meaning_weight=calibration.weight, words_weight=1 - calibration.weight)


def fused(*, calibration: Calibration, dense: float | None, keyword: float | None, best: float) -> float:
    """The score alone."""
    return parts(calibration=calibration, dense=dense, keyword=keyword, best=best).score

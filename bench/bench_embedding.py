"""What the embedding models and the ways of fusing them with BM25 are worth, on the shared data sets.

    python bench/bench_embedding.py [--model use|e5] [--sets dragonball-zh,…] [--units N] [--queries N]

Passages of 500 characters overlapping by 100, after their document's title. `--units` keeps so many passages of a set, those
of the questions' documents first, because multilingual-e5 reads two or three Chinese ones a second: compare models on equal
`--units` only. Vectors are kept under the cache directory. The last line is one JSON object.
"""

import argparse
import json
import os
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from retrieval_sets import Bm25, Embedder, Retrieval, RetrievalSet, read_set, scores_of

from rag.text import index_terms

SHARED = Path(os.environ.get("KAREZ_SHARED_DIR", Path(__file__).resolve().parents[2] / "shared")) / "datasets"
RESULTS = Path(__file__).resolve().parent / "results"
SETS = ("stard-law-zh", "dragonball-zh", "dragonball-en", "dureader-demo-zh", "rgb-zh")
CANDIDATES = 50
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Legs:
    """Of one question, over all passages: cosine, BM25, and BM25's highest possible value."""

    cosine: Array
    bm25: Array
    best: float

    def candidates(self) -> NDArray[np.int64]:
        worded = np.argsort(-self.bm25, kind="stable")[:CANDIDATES]
        near = np.argsort(-self.cosine, kind="stable")[:CANDIDATES]
        return np.unique(np.concatenate([near, worded[self.bm25[worded] > 0]]))


def _z(values: Array) -> Array:
    return np.asarray((values - values.mean()) / (values.std() + 1e-9))


def _ranks(values: Array) -> Array:
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return ranks


def _reciprocal_ranks(legs: Legs) -> Array:
    words = np.where(legs.bm25 > 0, 1 / (61 + _ranks(legs.bm25)), 0)
    return np.asarray(1 / (61 + _ranks(legs.cosine)) + words)


def _z_scores(weight: float) -> Callable[[Legs], Array]:
    return lambda legs: weight * _z(legs.cosine) + (1 - weight) * _z(legs.bm25)


def _of_reachable(slope: float) -> Callable[[Legs], Array]:
    """`slope`: what a cosine of 1 weighs against the whole of BM25's highest possible value."""
    return lambda legs: slope * legs.cosine + legs.bm25 / (legs.best + 1e-9)


METHODS: dict[str, Callable[[Legs], Array]] = {
    "dense": lambda legs: legs.cosine,
    "bm25": lambda legs: legs.bm25 + 1e-6 * legs.cosine,
    "reciprocal ranks": _reciprocal_ranks,
    **{f"z-scores {weight}": _z_scores(weight) for weight in (0.3, 0.5, 0.7)},
    **{f"of reachable {slope}": _of_reachable(slope) for slope in (0.2, 0.36, 0.5, 0.75, 1, 2, 3, 4)},
}


def evaluate(retrieval_set: RetrievalSet, embedder: Embedder) -> dict[str, Retrieval]:
    vectors = embedder.passages([unit.embedded for unit in retrieval_set.units])
    questions = embedder.questions([question.text for question in retrieval_set.questions])
    bm25 = Bm25([index_terms(text=unit.embedded) for unit in retrieval_set.units])
    kept: dict[str, list[Retrieval]] = defaultdict(list)
    for question, vector in zip(retrieval_set.questions, questions, strict=True):
        words, best = bm25.scores(question.text)
        legs = Legs(np.asarray(vectors @ vector, float), words, best)
        candidates = legs.candidates()
        for name, method in METHODS.items():
            order = candidates[np.argsort(-method(legs)[candidates], kind="stable")]
            kept[name].append(scores_of(order.tolist(), question, retrieval_set.units))
    return {name: Retrieval.mean(each) for name, each in kept.items()}


def _table(results: dict[str, dict[str, Retrieval]]) -> None:
    print("| fusion | " + " | ".join(results) + " | mean |\n|---|" + "---|" * (len(results) + 1))
    for name in METHODS:
        row = [one[name] for one in results.values()]
        print(f"| {name} | " + " | ".join(map(str, [*row, Retrieval.mean(row)])) + " |")
    print("(nDCG@10 by document / first document right / evidence in the first five passages)")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=("use", "e5"), default="use")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--units", type=int, default=0)
    parser.add_argument("--queries", type=int, default=200)
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    if not SHARED.is_dir():
        print(json.dumps({"bench": "embedding", "skipped": f"no data sets at {SHARED}"}))
        return
    embedder = Embedder(arguments.model)
    results = {}
    for name in arguments.sets.split(","):
        read = read_set(
            SHARED / name, queries=arguments.queries, units=arguments.units, chance=random.Random(1)
        )
        results[name] = evaluate(read, embedder)
        print(f"{name}: {len(read.units)} passages, {len(read.questions)} questions", flush=True)
    _table(results)
    report: dict[str, Any] = {"bench": "embedding", "model": arguments.model, "units": arguments.units}
    report["fusion"] = {name: _mean(results.values(), name) for name in METHODS}
    RESULTS.mkdir(exist_ok=True)
    suffix = f"{arguments.model}-{arguments.units}" if arguments.units else arguments.model
    (RESULTS / f"embedding-{suffix}.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


def _mean(results: Any, name: str) -> dict[str, float | None]:
    rows: Sequence[Retrieval] = [one[name] for one in results]
    return Retrieval.mean(rows).as_json()


if __name__ == "__main__":
    main()

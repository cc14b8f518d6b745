"""What `rag.retrieval.judge` refuses: of the demonstration packs, on which its threshold is set, and of the shared data sets.

    python bench/bench_evidence.py [--model use|e5] [--sets rgb-zh,…] [--queries N]

Prints, for each set, the threshold that one answerable question in twenty lies under, and refusals at the threshold in use
with their precision, recall and F1. The last line is one JSON object.
"""

import argparse
import json
import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from bench_embedding import RESULTS, SHARED
from retrieval_sets import Bm25, Embedder, Question, Unit, read_lines, read_set, unanswerable

from rag.parsing import ParseLimits, parse_file
from rag.retrieval import evidence
from rag.retrieval.fusion import calibration, fused
from rag.splitting import SplitSettings, split_document
from rag.text import embedded_text, index_terms

PACKS = Path(__file__).resolve().parents[1] / "platform/controlplane/assistants/packs"
MODELS = {"use": "use-multilingual-v3", "e5": "multilingual-e5-small-q4"}
SETS = ("rgb-zh", "dragonball-zh", "dragonball-en", "mtrag-un-en")


@dataclass(frozen=True, slots=True)
class Refusals:
    answerable: int
    unanswerable: int
    refused_wrongly: int
    refused_rightly: int
    one_in_twenty: float
    precision: float
    recall: float
    f1: float


def best_scores(units: Sequence[Unit], questions: Sequence[Question], model: str) -> list[float]:
    """The fused score of each question's best passage, as a hybrid search would give it."""
    embedder, calibrated = Embedder(model), calibration(model=MODELS[model])
    vectors = embedder.passages([unit.embedded for unit in units])
    bm25 = Bm25([index_terms(text=unit.embedded) for unit in units])
    best = []
    asked = embedder.questions([question.text for question in questions])
    for question, vector in zip(questions, asked, strict=True):
        words, reachable = bm25.scores(question.text)
        pairs = zip((vectors @ vector).tolist(), words.tolist(), strict=True)
        scores = (fused(calibration=calibrated, dense=d, keyword=k, best=reachable) for d, k in pairs)
        best.append(max(scores))
    return best


def refusals(questions: Sequence[Question], scores: Sequence[float]) -> Refusals:
    answerable = np.array([question.answerable for question in questions])
    best = np.array(scores)
    refused = best < evidence.HYBRID
    right, wrong = int((refused & ~answerable).sum()), int((refused & answerable).sum())
    precision = right / (right + wrong) if right + wrong else 0.0
    recall = right / int((~answerable).sum())
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    twentieth = float(np.quantile(best[answerable], 0.05))
    counts = (int(answerable.sum()), int((~answerable).sum()), wrong, right)
    return Refusals(*counts, *(round(figure, 3) for figure in (twentieth, precision, recall, f1)))


def pack_units(pack: Path) -> Iterator[Unit]:
    for entry in tomllib.loads((pack / "pack.toml").read_text(encoding="utf-8"))["documents"]:
        path = pack / "documents" / entry["file"]
        document = parse_file(path=path, filename=path.name, limits=ParseLimits())
        for passage in split_document(document=document, settings=SplitSettings()):
            text = embedded_text(title=entry["title"], section=passage.section, text=passage.text)
            yield Unit(path.name, passage.text, text)


def of_packs(model: str) -> Refusals:
    """Each pack is a knowledge base of its own, as in the demonstration tenant."""
    questions: list[Question] = []
    scores: list[float] = []
    for manifest in sorted(PACKS.glob("*/pack.toml")):
        rows = list(read_lines(manifest.parent / "questions.jsonl"))
        asked = [Question(row["question"], frozenset(), (), row["answerable"]) for row in rows]
        questions += asked
        scores += best_scores(list(pack_units(manifest.parent)), asked, model)
    return refusals(questions, scores)


def of_set(name: str, *, model: str, queries: int) -> Refusals:
    read = read_set(SHARED / name, queries=queries, units=0, chance=random.Random(1))
    questions = [*read.questions, *unanswerable(SHARED / name, queries=queries)]
    return refusals(questions, best_scores(read.units, questions, model))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=tuple(MODELS), default="use")
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--queries", type=int, default=200)
    arguments = parser.parse_args()
    found = {"packs": of_packs(arguments.model)}
    if SHARED.is_dir():
        for name in filter(None, arguments.sets.split(",")):
            found[name] = of_set(name, model=arguments.model, queries=arguments.queries)
    for name, one in found.items():
        print(
            f"{name:14} refused {one.refused_rightly:3} of {one.unanswerable:3} unanswerable, {one.refused_wrongly:2} of"
            f" {one.answerable:3} answerable; F1 {one.f1:.2f}; one in twenty below {one.one_in_twenty:.3f}"
        )
    report = {"bench": "evidence", "model": arguments.model, "threshold": evidence.HYBRID}
    report |= {"sets": {name: asdict(one) for name, one in found.items()}}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"evidence-{arguments.model}.json").write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report))


if __name__ == "__main__":
    main()

"""What the support check keeps: reference answers against the passages that hold them and against passages of other documents.

    python bench/bench_support.py

Each sentence of a reference answer stands for a sentence of a model. The last line is one JSON object.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from bench_embedding import SHARED
from retrieval_sets import read_lines

from rag.answering import Source, SupportChecker
from rag.answering.sentences import split_sentences

SETS = ("dragonball-zh", "dragonball-en")
QUESTIONS = 400


def sentences(directory: Path) -> Iterator[tuple[str, str, Source, Source]]:
    """Question, sentence of the answer, the right passage, and one that another question's answer rests on."""
    rows = [row for row in read_lines(directory / "queries.jsonl") if row.get("answerable", True)]
    rows = [row for row in rows if row.get("gold_passages") and row.get("answer")]
    rows = rows[:: max(1, len(rows) // QUESTIONS)][:QUESTIONS]
    chance = random.Random(5)
    for row in rows:
        others = [other for other in rows if not set(other["gold_doc_ids"]) & set(row["gold_doc_ids"])]
        right = Source(1, "", "\n".join(row["gold_passages"]))
        wrong = Source(2, "", "\n".join(chance.choice(others)["gold_passages"]))
        for sentence in split_sentences(row["answer"])[:1]:
            yield row["query"], sentence, right, wrong


def measured(directory: Path) -> dict[str, float]:
    kept = {"right": 0, "wrong": 0, "attached": 0, "attached_wrong": 0}
    count = 0
    for question, sentence, right, wrong in sentences(directory):
        count += 1
        checker = SupportChecker(question=question, sources=[right, wrong])
        here, there = (checker.support(sentence=sentence, numbers=[number]) for number in (1, 2))
        kept["right"] += here.keeps
        kept["wrong"] += there.keeps
        kept["attached"] += here.attaches
        kept["attached_wrong"] += there.attaches
    return {"sentences": count} | {name: round(value / count, 3) for name, value in kept.items()}


def main() -> None:
    figures = {name: measured(SHARED / name) for name in SETS if (SHARED / name).is_dir()}
    for name, row in figures.items():
        print(name, row)
    print(json.dumps({"bench": "support", **figures}))


if __name__ == "__main__":
    main()

"""What the gate of `rag.answering.answerability` refuses before a small model answers, against retrieval alone.

    KAREZ_ENGINE_API_KEY=… python bench/bench_refusal.py --engine http://127.0.0.1:PORT/v1 --model NAME [--queries N]

Needs a running engine (`python -m inference.llamacpp.server`). Of the demonstration packs the limit is set on two and tested
on the third; other sets are tested at the limit in use. Replies are kept in the cache directory, so that an interrupted run
goes on. The last line is one JSON object.
"""

import argparse
import hashlib
import json
import os
import random
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from bench_embedding import RESULTS, SHARED
from bench_evidence import MODELS, PACKS
from numpy.typing import NDArray
from retrieval_sets import CACHE, Bm25, Embedder, read_lines, read_set, unanswerable

from inference.llamacpp.server import API_KEY_VARIABLE
from rag.answering import PromptSettings, Source, build_prompt, can_cite
from rag.answering.answerability import (
    GATE_PARAMETERS,
    LIMIT,
    GateQuestion,
    gate_probability,
    gate_questions,
    judge_answerability,
)
from rag.parsing import ParseLimits, parse_file
from rag.retrieval import evidence
from rag.retrieval.fusion import calibration, fused
from rag.splitting import SplitSettings, split_document
from rag.text import embedded_text, index_terms

TOP = 6
# Of the answerable questions of the packs a limit is set on.
REFUSED_SHARE = 1 / 15


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what a search found for it, the best first."""

    group: str
    text: str
    answerable: bool
    sources: tuple[Source, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Measured:
    """`gates`: one probability a wording. `milliseconds` likewise; the first reads the passages besides."""

    group: str
    answerable: bool
    score: float
    gates: tuple[float, ...]
    milliseconds: tuple[int, ...]

    @property
    def gate(self) -> float:
        """The log-odds against the limit."""
        verdict = judge_answerability(
            sources=[Source(number=1, title="", text="-")],
            sufficient_evidence=True,
            retrieval_score=self.score,
            gates=self.gates,
        )
        return float(np.log(verdict.score / (1 - verdict.score)))


@dataclass(frozen=True, slots=True)
class Separation:
    """`at_most`: unanswerable questions refused where 0, 1, 2, 3 and 4 answerable ones are refused too."""

    area: float
    at_most: tuple[int, ...]


class Engine:
    """Asks gate questions one by one, remembering the replies."""

    def __init__(self, *, url: str, model: str) -> None:
        key = os.environ.get(API_KEY_VARIABLE, "")
        self.model = model
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=300, trust_env=False
        )
        self._kept = CACHE / f"refusal-{model}.jsonl"
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        self._kept.touch()
        self._known = {row["key"]: row for row in read_lines(self._kept)}

    def ask(self, question: GateQuestion) -> tuple[float, int]:
        """The probability that the passages answer, and the milliseconds it took."""
        messages = [asdict(message) for message in question.messages]
        key = hashlib.sha256(json.dumps(messages, ensure_ascii=False).encode()).hexdigest()[:24]
        if key not in self._known:
            started = time.monotonic()
            body = {**GATE_PARAMETERS, "model": self.model, "messages": messages}
            reply = self._client.post("/chat/completions", json=body).raise_for_status().json()
            taken = round((time.monotonic() - started) * 1000)
            probability = gate_probability(asked=question, reply=reply)
            if probability is None:
                raise SystemExit(f"{self.model} sends no logprobs")
            self._remember({"key": key, "probability": probability, "milliseconds": taken})
        row = self._known[key]
        return row["probability"], row["milliseconds"]

    def _remember(self, row: dict[str, str | float | int]) -> None:
        self._known[str(row["key"])] = row
        with self._kept.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(row) + "\n")


def searched(
    group: str, passages: Sequence[Source], asked: Sequence[tuple[str, bool]], embedder: Embedder
) -> Iterator[Asked]:
    """The questions with what a hybrid search over the passages finds."""
    calibrated = calibration(model=MODELS["use"])
    texts = [embedded_text(title=p.title, section=p.section, text=p.text) for p in passages]
    vectors, bm25 = embedder.passages(texts), Bm25([index_terms(text=text) for text in texts])
    questions = embedder.questions([text for text, _ in asked])
    for (text, answerable), vector in zip(asked, questions, strict=True):
        words, reachable = bm25.scores(text)
        pairs = zip((vectors @ vector).tolist(), words.tolist(), strict=True)
        scores = np.array(
            [fused(calibration=calibrated, dense=d, keyword=k, best=reachable) for d, k in pairs]
        )
        best = np.argsort(-scores, kind="stable")[:TOP].tolist()
        sources = tuple(_numbered(passages[place], rank) for rank, place in enumerate(best, start=1))
        yield Asked(group, text, answerable, sources, float(scores[best[0]]))


def _numbered(source: Source, number: int) -> Source:
    return Source(number=number, title=source.title, text=source.text, section=source.section)


def of_packs(embedder: Embedder) -> Iterator[Asked]:
    """Each pack is a knowledge base of its own, as in the demonstration tenant."""
    for manifest in sorted(PACKS.glob("*/pack.toml")):
        pack = manifest.parent
        rows = [(row["question"], row["answerable"]) for row in read_lines(pack / "questions.jsonl")]
        yield from searched(pack.name, list(_pack_passages(pack)), rows, embedder)


def _pack_passages(pack: Path) -> Iterator[Source]:
    for entry in tomllib.loads((pack / "pack.toml").read_text(encoding="utf-8"))["documents"]:
        path = pack / "documents" / entry["file"]
        document = parse_file(path=path, filename=path.name, limits=ParseLimits())
        for passage in split_document(document=document, settings=SplitSettings()):
            yield Source(number=0, title=entry["title"], text=passage.text, section=passage.section)


def of_set(name: str, *, queries: int, embedder: Embedder) -> Iterator[Asked]:
    """As many answerable questions of a shared set as unanswerable ones."""
    read = read_set(SHARED / name, queries=200, units=0, chance=random.Random(1))
    passages = [Source(number=0, title="", text=unit.text) for unit in read.units]
    refused = unanswerable(SHARED / name, queries=200)
    count = min(queries, len(refused), len(read.questions))
    pairs = zip(read.questions[:count], refused[:count], strict=True)
    asked = [(question.text, question.answerable) for pair in pairs for question in pair]
    yield from searched(name, passages, asked, embedder)


def measured(one: Asked, engine: Engine) -> Measured:
    settings = PromptSettings(
        profile="small", context_tokens=4096, asks_for_marks=can_cite(model=engine.model)
    )
    prompt = build_prompt(question=one.text, sources=one.sources, settings=settings)
    replies = [engine.ask(gate) for gate in gate_questions(prompt=prompt, question=one.text)]
    gates, milliseconds = zip(*replies, strict=True)
    return Measured(one.group, one.answerable, one.score, gates, milliseconds)


def separation(scores: NDArray[np.float64], answerable: NDArray[np.bool_]) -> Separation:
    right, wrong = np.sort(scores[answerable]), scores[~answerable]
    above = float((right[:, None] > wrong).mean() + (right[:, None] == wrong).mean() / 2)
    return Separation(round(above, 3), tuple(int((wrong < right[k]).sum()) for k in range(5)))


def methods(rows: Sequence[Measured]) -> dict[str, Separation]:
    answerable = np.array([row.answerable for row in rows])
    found = {"retrieval": np.array([row.score for row in rows])}
    found |= {f"wording {n + 1}": np.array([row.gates[n] for row in rows]) for n in range(len(rows[0].gates))}
    found["gate"] = np.array([row.gate for row in rows])
    return {name: separation(scores, answerable) for name, scores in found.items()}


def held_out(rows: Sequence[Measured]) -> tuple[int, int]:
    """Unanswerable and answerable questions refused in each pack at the limit that the other packs set."""
    right = wrong = 0
    for group in sorted({row.group for row in rows}):
        others = [row.gate for row in rows if row.group != group and row.answerable]
        limit = float(np.quantile(others, REFUSED_SHARE))
        refused = [row for row in rows if row.group == group and row.gate < limit]
        right += sum(not row.answerable for row in refused)
        wrong += sum(row.answerable for row in refused)
    return right, wrong


def report(name: str, rows: Sequence[Measured]) -> dict[str, object]:
    refused = [row for row in rows if row.gate < 0]
    thin = [row for row in rows if row.score < evidence.HYBRID]
    figures: dict[str, object] = {
        "answerable": sum(row.answerable for row in rows),
        "unanswerable": sum(not row.answerable for row in rows),
        "gate": _split(refused),
        "retrieval": _split(thin),
        "milliseconds": [
            round(median(column)) for column in zip(*(r.milliseconds for r in rows), strict=True)
        ],
        "methods": {method: asdict(found) for method, found in methods(rows).items()},
    }
    if name == "packs":
        figures["held_out"] = held_out(rows)
    print(f"{name}: refused (unanswerable, answerable)", {k: v for k, v in figures.items() if k != "methods"})
    for method, found in methods(rows).items():
        print(
            f"  {method:12} AUC {found.area:.3f}; refused beside 0–4 answerable {found.at_most}", flush=True
        )
    return figures


def _split(refused: Sequence[Measured]) -> tuple[int, int]:
    wrong = sum(row.answerable for row in refused)
    return len(refused) - wrong, wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--sets", default="rgb-zh")
    parser.add_argument("--queries", type=int, default=60)
    arguments = parser.parse_args()
    engine, embedder = Engine(url=arguments.engine, model=arguments.model), Embedder("use")
    found = {"packs": report("packs", [measured(one, engine) for one in of_packs(embedder)])}
    for name in filter(None, arguments.sets.split(",") if SHARED.is_dir() else ()):
        asked = of_set(name, queries=arguments.queries, embedder=embedder)
        found[name] = report(name, [measured(one, engine) for one in asked])
    whole = {"bench": "refusal", "model": arguments.model, "limit": LIMIT, "sets": found}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"refusal-{arguments.model}.json").write_text(json.dumps(whole, indent=1) + "\n")
    print(json.dumps(whole))


if __name__ == "__main__":
    main()

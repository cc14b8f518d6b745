"""A made-up corpus with the statistics that make search hard: topics shared by all tenants, and words by Zipf's law."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np
import rjieba
from numpy.typing import NDArray

PASSAGES = 100_000
DIMENSION = 512
# Per cent of all passages, twenty tenants.
SHARES = (50, 20, 10, 5, 4, 3, 2, 1.5, 1, 0.8, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.1, 0.1, 0.1)
PER_DOCUMENT = 20
DEPARTMENTS = 4
READABLE_DEPARTMENTS = 3
TOPICS = 500
ASPECTS = 24  # directions in which the passages of a topic differ: text embeddings have few of them, not 512
SPREAD = 0.8  # length of that difference against the topic's unit vector
TERMS_PER_PASSAGE = 110  # what 500 Chinese characters hold after stop words
QUERIES_PER_TENANT = 40
SECRET, CLEARANCE = 3, 2
_COMMON = (
    "不有人我他这大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当"
    "想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点月明其种声全工己话儿者向情"
    "部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内加化由却代军产入先山五太水万市眼"
    "体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放做系计或司利受光王果亲界及今京务制解各"
    "任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元社术结六功指思非流每青管夫连远资队跟带花快条"
)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit


@dataclass(frozen=True, slots=True)
class Document:
    """One live version of PER_DOCUMENT passages, or fewer; `place` is that of its first passage in the tenant."""

    id: UUID
    version: UUID
    base: int
    secrecy: int
    place: int
    passages: int

    @property
    def readable(self) -> bool:
        return self.base < READABLE_DEPARTMENTS and self.secrecy <= CLEARANCE


@dataclass(slots=True)
class TenantCorpus:
    """`vectors`: (passages, DIMENSION) float32; `words`: (passages, TERMS_PER_PASSAGE) places in the vocabulary."""

    share: float
    vectors: NDArray[np.float32]
    words: NDArray[np.int32]
    documents: list[Document]
    tenant: UUID = field(default_factory=uuid4)
    space: UUID = field(default_factory=uuid4)
    departments: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(DEPARTMENTS)])
    bases: list[UUID] = field(default_factory=lambda: [uuid4() for _ in range(DEPARTMENTS)])

    def readable(self) -> NDArray[np.bool_]:
        mask = np.zeros(len(self.vectors), bool)
        for document in self.documents:
            mask[document.place : document.place + document.passages] = document.readable
        return mask


@dataclass(frozen=True, slots=True)
class Asked:
    text: str
    vector: NDArray[np.float32]


class Corpus:
    def __init__(self, *, passages: int = PASSAGES, seed: int = 7) -> None:
        self._random = np.random.default_rng(seed)
        self._passages = passages
        self._topics = _unit(self._random.standard_normal((TOPICS, DIMENSION), np.float32))
        self._aspects = _unit(self._random.standard_normal((TOPICS, ASPECTS, DIMENSION), np.float32))
        self.vocabulary = _vocabulary()
        # Half of a passage's words are everybody's, half its topic's own, which are the same words in another order.
        self._orders = [self._random.permutation(len(self.vocabulary)) for _ in range(TOPICS)]
        self.tenants = [self._tenant(share) for share in SHARES]

    def _tenant(self, share: float) -> TenantCorpus:
        count = round(self._passages * share / 100)
        # A document stays with its topic for the most part, as documents do.
        documents = self._documents(count)
        topic_of = self._random.integers(0, TOPICS, len(documents))
        topics = np.repeat(topic_of, [document.passages for document in documents])
        astray = self._random.random(count) < 0.2
        topics[astray] = self._random.integers(0, TOPICS, int(astray.sum()))
        return TenantCorpus(
            share=share, vectors=self._vectors(topics), words=self._words(topics), documents=documents
        )

    def _documents(self, count: int) -> list[Document]:
        return [
            Document(
                id=uuid4(),
                version=uuid4(),
                # The first one is readable in any case, so that every tenant can be asked something.
                base=int(self._random.integers(DEPARTMENTS)) if place else 0,
                secrecy=int(self._random.choice(4, p=(0.3, 0.5, 0.15, 0.05))) if place else 0,
                place=place,
                passages=min(PER_DOCUMENT, count - place),
            )
            for place in range(0, count, PER_DOCUMENT)
        ]

    def _vectors(self, topics: NDArray[np.int64]) -> NDArray[np.float32]:
        amounts = _unit(self._random.standard_normal((len(topics), ASPECTS), np.float32))
        noise = 0.1 * _unit(self._random.standard_normal((len(topics), DIMENSION), np.float32))
        for row, topic in enumerate(topics):
            noise[row] += SPREAD * (amounts[row] @ self._aspects[topic])
        return _unit(self._topics[topics] + noise)

    def _words(self, topics: NDArray[np.int64]) -> NDArray[np.int32]:
        ranks = self._zipf((len(topics), TERMS_PER_PASSAGE))
        words = ranks.astype(np.int32)
        half = TERMS_PER_PASSAGE // 2
        for row, topic in enumerate(topics):
            words[row, half:] = self._orders[topic][ranks[row, half:]]
        return words

    def _zipf(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        weights = 1 / (np.arange(len(self.vocabulary)) + 15)
        cumulated = np.cumsum(weights / weights.sum())
        ranks: NDArray[np.int64] = np.searchsorted(cumulated, self._random.random(shape))
        return np.minimum(ranks, len(self.vocabulary) - 1)

    def queries(self, tenant: TenantCorpus) -> Iterator[Asked]:
        """Questions near a readable passage: one of its commonest words, four others of it, and one by chance."""
        readable = np.flatnonzero(tenant.readable())
        for passage in self._random.choice(readable, QUERIES_PER_TENANT):
            noise = _unit(self._random.standard_normal(DIMENSION, np.float32))
            by_rank = np.unique(tenant.words[passage])
            places = [by_rank[0], *self._random.choice(by_rank[1:], 4, replace=False)]
            places.append(self._random.integers(len(self.vocabulary)))
            text = " ".join(self.vocabulary[place] for place in places)
            yield Asked(text=text, vector=_unit(tenant.vectors[passage] + 0.6 * noise))

    def terms(self, row: Sequence[int]) -> list[str]:
        return [self.vocabulary[place] for place in row]


def _vocabulary() -> list[str]:
    """Two-character words of jieba's dictionary, which a search cuts out whole."""
    characters = dict.fromkeys(_COMMON)
    pairs = (first + second for first in characters for second in characters)
    words = [pair for pair in pairs if rjieba.has_word(pair) and rjieba.cut_for_search(pair) == [pair]]
    return [str(word) for word in np.random.default_rng(1).permutation(words)]

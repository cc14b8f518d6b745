"""Postings: which passages of a segment hold a term, and how much that counts.

A segment is the passages of one version that were added together, at most SEGMENT_PASSAGES of them. A posting row holds,
for one term and one segment, two bytes a passage: its place in the segment, and its weight.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

SEGMENT_PASSAGES = 256  # a place is one byte
K1, B = 1.2, 0.75
# BM25 asks for the mean length of a passage, which moves as documents come and go; passages are cut to one size, so a
# constant does. In terms after stop words, measured on the data sets of bench/README.md.
REFERENCE_LENGTH = 200
WEIGHT_SCALE = 255


def term_key(*, knowledge_base_id: UUID, term: str) -> int:
    """A signed 64-bit key for the term in that knowledge base.

    With the base in the key, a search reads the postings of the bases it was asked for and no others; and equality of
    integers is leakproof, so PostgreSQL can use the index underneath row-level security.
    """
    digest = hashlib.blake2b(term.encode(), key=knowledge_base_id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def weight(*, frequency: int, length: int) -> int:
    """BM25's saturated term frequency, tf / (tf + k1 (1 - b + b length / reference)), as a byte from 1 to 255."""
    saturated = frequency / (frequency + K1 * (1 - B + B * length / REFERENCE_LENGTH))
    return max(1, round(saturated * WEIGHT_SCALE))


def packed_postings(*, knowledge_base_id: UUID, passages: Sequence[Sequence[str]]) -> Mapping[int, bytes]:
    """`{term key: place, weight, place, weight, …}` of a segment whose passages have these terms, in their order."""
    packed: dict[str, bytearray] = defaultdict(bytearray)
    for place, terms in enumerate(passages):
        for term, frequency in Counter(terms).items():
            packed[term] += bytes((place, weight(frequency=frequency, length=len(terms))))
    return {
        term_key(knowledge_base_id=knowledge_base_id, term=term): bytes(postings)
        for term, postings in packed.items()
    }


def segments(passage_ids: Iterable[int]) -> list[list[int]]:
    """The passages in groups of at most SEGMENT_PASSAGES."""
    ordered = sorted(passage_ids)
    return [ordered[start : start + SEGMENT_PASSAGES] for start in range(0, len(ordered), SEGMENT_PASSAGES)]

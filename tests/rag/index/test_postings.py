from uuid import UUID

from rag.index.postings import SEGMENT_PASSAGES, packed_postings, segments, term_key, weight

ONE, OTHER = UUID(int=1), UUID(int=2)


def test_a_term_has_another_key_in_every_base():
    keys = {term_key(knowledge_base_id=base, term=term) for base in (ONE, OTHER) for term in ("油温", "压力")}
    assert len(keys) == 4


def test_the_key_of_a_term_never_changes():
    # Stored in every index there is: another function would make them unreadable.
    assert term_key(knowledge_base_id=ONE, term="油温") == -5024048797905952636


def test_weight_of_a_term_at_the_reference_length():
    assert weight(frequency=1, length=200) == round(255 / 2.2)
    assert weight(frequency=3, length=200) == round(255 * 3 / 4.2)


def test_weight_falls_with_length_and_stays_a_byte():
    assert weight(frequency=1, length=80) > weight(frequency=1, length=320)
    assert weight(frequency=1, length=10**6) == 1
    assert weight(frequency=10**6, length=1) == 255


def test_a_posting_is_a_place_and_a_weight():
    packed = packed_postings(knowledge_base_id=ONE, passages=[["油温"], ["压力"], ["油温", "油温"]])
    oil = packed[term_key(knowledge_base_id=ONE, term="油温")]
    assert oil == bytes((0, weight(frequency=1, length=1), 2, weight(frequency=2, length=2)))
    assert len(packed) == 2


def test_segments_are_sorted_and_fit_a_byte():
    groups = segments(range(600, 0, -1))
    assert [len(group) for group in groups] == [256, 256, 88]
    assert groups[0][0] == 1
    assert groups[2][-1] == 600
    assert SEGMENT_PASSAGES == 256

"""Splitting: nothing is lost, structure is respected, sizes hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.parsing import Block, BlockKind, ParsedDocument
from rag.splitting import Passage, SplitSettings, split_document, weighted_length


def _document(*blocks: Block) -> ParsedDocument:
    return ParsedDocument(None, blocks, None)


def _heading(text: str, level: int, *path: str) -> Block:
    return Block(BlockKind.HEADING, text, 1, level, (*path, text))


def _paragraph(text: str, *path: str, page: int = 1) -> Block:
    return Block(BlockKind.PARAGRAPH, text, page, None, path)


def _table(rows: list[tuple[str, ...]], *path: str) -> Block:
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return Block(BlockKind.TABLE, lines, 1, None, path, tuple(rows))


def _split(*blocks: Block, max_chars: int = 100, overlap_chars: int = 0) -> list[Passage]:
    return split_document(
        document=_document(*blocks), settings=SplitSettings(max_chars=max_chars, overlap_chars=overlap_chars)
    )


def _is_subsequence(needle: str, hay: str) -> bool:
    rest = iter(hay)
    return all(char in rest for char in needle)


_TEXT = st.text(alphabet="中文电网安全。，；！？ab c.1!?\n\t|“”（）", min_size=1, max_size=400)
_KINDS = st.sampled_from(
    [BlockKind.HEADING, BlockKind.PARAGRAPH, BlockKind.LIST, BlockKind.CODE, BlockKind.TABLE]
)


@st.composite
def _blocks(draw: st.DrawFn) -> Block:
    kind, text = draw(_KINDS), draw(_TEXT)
    level = draw(st.integers(1, 4)) if kind is BlockKind.HEADING else None
    section = tuple(draw(st.lists(st.sampled_from("甲乙丙"), max_size=3)))
    return Block(kind, text, draw(st.none() | st.integers(1, 9)), level, section)


@settings(deadline=None, max_examples=150)
@given(st.lists(_blocks(), max_size=12), st.integers(20, 120), st.integers(0, 10))
def test_no_character_is_lost_and_no_passage_too_long(blocks: list[Block], most: int, overlap: int) -> None:
    passages = _split(*blocks, max_chars=most, overlap_chars=overlap)
    source = "".join("".join(block.text.split()) for block in blocks)
    assert _is_subsequence(source, "".join("".join(p.text.split()) for p in passages))
    assert all(weighted_length(passage.text) <= most + 1 for passage in passages)
    assert all(passage.text.strip() for passage in passages)
    assert [passage.ordinal for passage in passages] == list(range(len(passages)))


def test_english_weighs_two_fifths_of_chinese() -> None:
    assert weighted_length("电网安全") == 4
    assert weighted_length("grid") == pytest.approx(1.6)
    assert weighted_length("电网 grid。") == pytest.approx(5.0)


def test_a_passage_ends_before_a_strong_heading_when_full_enough() -> None:
    passages = _split(
        _heading("第一章", 1),
        _paragraph("甲" * 50, "第一章"),
        _heading("第二章", 1),
        _paragraph("乙" * 20, "第二章"),
    )
    assert [passage.text for passage in passages] == ["第一章\n" + "甲" * 50, "第二章\n" + "乙" * 20]
    assert [passage.section for passage in passages] == ["第一章", "第二章"]


def test_small_neighbours_of_one_parent_share_a_passage() -> None:
    passages = _split(
        _heading("总则", 1),
        _heading("目的", 2, "总则"),
        _paragraph("为了安全。", "总则", "目的"),
        _heading("范围", 2, "总则"),
        _paragraph("适用全厂。", "总则", "范围"),
        _heading("附则", 1),
        _paragraph("自印发之日起施行。", "附则"),
    )
    assert [passage.text for passage in passages] == [
        "总则\n目的\n为了安全。\n范围\n适用全厂。\n附则\n自印发之日起施行。"
    ]
    assert passages[0].section == "总则 / 附则"


def test_a_subsection_of_another_parent_does_not_join() -> None:
    passages = _split(
        _heading("目的", 2, "总则"),
        _paragraph("为了安全。", "总则", "目的"),
        _heading("检修", 2, "细则"),
        _paragraph("每年一次。", "细则", "检修"),
    )
    assert [passage.section for passage in passages] == ["总则 > 目的", "细则 > 检修"]


def test_sentences_stay_whole() -> None:
    sentences = [f"{'字' * 28}{end}" for end in "。！？；。"]
    passages = _split(_paragraph("".join(sentences)), max_chars=60)
    assert [passage.text for passage in passages] == [
        sentences[0] + sentences[1],
        sentences[2] + sentences[3],
        sentences[4],
    ]


def test_a_decimal_point_ends_no_sentence() -> None:
    passages = _split(_paragraph("The pressure is 3.5 MPa at most. It must never be higher."), max_chars=20)
    assert [passage.text.strip() for passage in passages] == [
        "The pressure is 3.5 MPa at most.",
        "It must never be higher.",
    ]


def test_the_end_of_a_passage_returns_at_the_start_of_the_next() -> None:
    sentences = [f"{mark * 19}。" for mark in "甲乙丙丁"]
    passages = _split(_paragraph("".join(sentences)), max_chars=60, overlap_chars=20)
    assert [passage.text for passage in passages] == ["".join(sentences[:3]), sentences[2] + sentences[3]]


def test_a_table_is_cut_between_rows_and_repeats_its_header() -> None:
    rows = [("设备", "报警值"), *((f"一号主变压器{n}", "八十五摄氏度") for n in range(6))]
    passages = _split(_table(rows), max_chars=60)
    assert len(passages) == 2
    assert all(passage.text.startswith("| 设备 | 报警值 |\n") for passage in passages)
    body = [line for passage in passages for line in passage.text.split("\n")[1:]]
    assert body == [f"| 一号主变压器{n} | 八十五摄氏度 |" for n in range(6)]


def test_a_heading_is_never_left_at_the_end_of_a_passage() -> None:
    passages = _split(
        _paragraph("甲" * 60, "总则"), _heading("第三条", 3, "总则"), _paragraph("乙" * 60, "总则", "第三条")
    )
    assert [passage.text for passage in passages] == ["甲" * 60, "第三条\n" + "乙" * 60]


def test_pages_span_what_the_passage_holds() -> None:
    passages = _split(_paragraph("甲" * 20, page=3), _paragraph("乙" * 20, page=4))
    assert [(passage.page, passage.page_end) for passage in passages] == [(3, 4)]


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="max_chars"):
        SplitSettings(max_chars=5)
    with pytest.raises(ValueError, match="overlap_chars"):
        SplitSettings(max_chars=100, overlap_chars=80)


def test_a_line_without_end_is_cut_in_linear_space() -> None:
    text = "电力设备运行" * 20_000
    block = Block(BlockKind.PARAGRAPH, text, None, None, (), ())
    document = ParsedDocument(None, (block,), None, ())
    passages = split_document(document=document, settings=SplitSettings())
    assert sum(len(passage.text) for passage in passages) == len(text)
    assert max(len(passage.text) for passage in passages) <= 500

"""Hostile files made here: bombs, liars and nests."""

from __future__ import annotations

import dataclasses
import struct
import zipfile
from pathlib import Path

import pytest

from rag.parsing import ParseError, ParseLimits, parse_file, parse_in_child
from tests.rag.parsing.makers import make_docx, make_xlsx, paragraph_xml, sparse_sheet


def _error(path: Path, limits: ParseLimits) -> ParseError:
    with pytest.raises(ParseError) as raised:
        parse_in_child(path=path, filename=path.name, limits=limits)
    return raised.value


def test_a_zip_bomb_is_refused_before_it_opens(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_docx(tmp_path / "bomb.docx", body="", extra={"word/media/a.xml": bytes(100 * 1024 * 1024)})
    error = _error(path, limits)
    assert error.code == "file_too_large"
    assert error.params["limit"] == limits.archive_max_ratio


def test_too_many_entries_are_refused(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_docx(tmp_path / "many.docx", body="", extra={f"x/{n}": b"" for n in range(300)})
    error = _error(path, dataclasses.replace(limits, archive_max_entries=200))
    assert (error.code, error.params["limit"]) == ("file_too_large", 200)


def test_a_member_that_lies_about_its_size_ends_in_an_error(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_docx(tmp_path / "liar.docx", body=paragraph_xml("字" * 1_000_000))
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("word/document.xml").file_size
    assert data.count(struct.pack("<I", size)) == 2
    path.write_bytes(bytes(data).replace(struct.pack("<I", size), struct.pack("<I", 1000)))
    assert _error(path, limits).code == "corrupt_file"


def test_an_entity_bomb_is_never_expanded(tmp_path: Path, limits: ParseLimits) -> None:
    bomb = b'<!DOCTYPE w [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><w>&b;</w>'
    path = make_docx(tmp_path / "entities.docx", body="", extra={"word/document.xml": bomb})
    assert _error(path, limits).code == "corrupt_file"


def test_a_sheet_that_claims_seventeen_billion_cells_is_bounded(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_xlsx(tmp_path / "sparse.xlsx", sheet_xml=sparse_sheet(rows=3))
    document = parse_in_child(path=path, filename="sparse.xlsx", limits=limits)
    assert [block.text for block in document.blocks] == ["1", "2", "3"]


def test_far_away_cells_stop_at_the_limit_with_a_warning(tmp_path: Path, limits: ParseLimits) -> None:
    path = make_xlsx(tmp_path / "far.xlsx", sheet_xml=sparse_sheet(rows=5000))
    tight = dataclasses.replace(limits, max_cells=16_384 * 10)
    document = parse_in_child(path=path, filename="far.xlsx", limits=tight)
    assert len(document.blocks) == 10
    assert document.warnings == ("sheet_truncated:Sheet",)


def test_a_row_beyond_the_last_row_is_not_waited_for(tmp_path: Path, limits: ParseLimits) -> None:
    xml = sparse_sheet(rows=2).replace('r="2"', 'r="99999999999"')
    path = make_xlsx(tmp_path / "row.xlsx", sheet_xml=xml)
    document = parse_in_child(path=path, filename="row.xlsx", limits=limits)
    assert [block.text for block in document.blocks] == ["1"]
    assert document.warnings == ("sheet_truncated:Sheet",)


def test_deeply_nested_html_ends(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "deep.html"
    path.write_text("<div>" * 50_000 + "底" + "</div>" * 50_000, encoding="utf-8")
    document = parse_in_child(path=path, filename="deep.html", limits=limits)
    assert [block.text for block in document.blocks] == ["底"]


def test_too_much_text_is_refused(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "long.txt"
    path.write_text("字" * 5000, encoding="utf-8")
    error = _error(path, dataclasses.replace(limits, max_chars=1000))
    assert (error.code, error.params) == ("too_much_text", {"limit": 1000})


def test_a_file_too_large_is_refused_without_a_child(tmp_path: Path, limits: ParseLimits) -> None:
    path = tmp_path / "big.txt"
    path.write_bytes(b"a" * 2000)
    error = _error(path, dataclasses.replace(limits, max_file_bytes=1000))
    assert (error.code, error.params) == ("file_too_large", {"bytes": 2000, "limit": 1000})


def test_too_many_pages_are_refused(tmp_path: Path, limits: ParseLimits) -> None:
    import pypdfium2

    pdf = pypdfium2.PdfDocument.new()
    for _ in range(5):
        pdf.new_page(100, 100)
    pdf.save(tmp_path / "pages.pdf")
    error = _error(tmp_path / "pages.pdf", dataclasses.replace(limits, max_pages=4))
    assert (error.code, error.params) == ("too_many_pages", {"pages": 5, "limit": 4})


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.md", "a.html"])
def test_white_space_alone_is_an_empty_file(tmp_path: Path, limits: ParseLimits, name: str) -> None:
    (tmp_path / name).write_text(" \n\t \n")
    with pytest.raises(ParseError) as raised:
        parse_file(path=tmp_path / name, filename=name, limits=limits)
    assert raised.value.code == "empty_file"


def test_nested_messages_stop_at_the_depth_limit(tmp_path: Path, limits: ParseLimits) -> None:
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"] = "level 9"
    message.set_content("innermost")
    for level in range(8, 0, -1):
        outer = EmailMessage()
        outer["Subject"] = f"level {level}"
        outer.set_content(f"text {level}")
        outer.add_attachment(message)
        message = outer
    path = tmp_path / "nest.eml"
    path.write_bytes(message.as_bytes())
    document = parse_in_child(path=path, filename="nest.eml", limits=limits)
    text = "\n".join(block.text for block in document.blocks)
    assert "text 4" in text
    assert "text 5" not in text
    assert document.warnings == ("attachment_skipped:too_deep:attachment",)

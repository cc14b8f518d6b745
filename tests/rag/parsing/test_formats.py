"""What each format's parser makes of a file: blocks, sections, pages."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from pathlib import Path

import pytest

from rag.parsing import (
    SUPPORTED,
    BlockKind,
    ParsedDocument,
    ParseError,
    ParseLimits,
    detect_format,
    parse_file,
)
from tests.rag.parsing.makers import make_docx, paragraph_xml

_DOCX_NUMBERING = """<?xml version="1.0"?>
<w:numbering xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">
<w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="chineseCounting"/>
<w:lvlText w:val="第%1条"/></w:lvl></w:abstractNum>
<w:num w:numId="9"><w:abstractNumId w:val="7"/></w:num></w:numbering>"""


def _write(path: Path, text: str, encoding: str = "utf-8") -> ParsedDocument:
    path.write_bytes(text.encode(encoding))
    return parse_file(path=path, filename=path.name, limits=ParseLimits())


def _seen(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind.value, block.text) for block in document.blocks]


@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8",
        "utf-8-sig",
        "utf-16",
        "utf-16-le",
        "utf-16-be",
        "utf-32",
        "gb18030",
        "big5",
        "shift_jis",
        "euc_jp",
    ],
)
def test_text_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    texts = {
        "shift_jis": "設備の点検は毎日行うこと。異常があれば、すぐに報告してください。\n",
        "big5": "設備每日檢查一次，發現異常應立即報告值班人員並做好記錄。\n",
        "euc_jp": "設備の点検は毎日行うこと。異常があれば、すぐに報告してください。\n",
    }
    text = texts.get(encoding, "设备每日检查一次，发现异常应立即报告值班人员，并做好记录。\n")
    document = _write(tmp_path / "a.txt", text * 3, encoding)
    assert _seen(document) == [("paragraph", "\n".join([text.strip()] * 3))]
    assert document.warnings == ()


@pytest.mark.parametrize("text", ["电力安全工作规程", "贷款五级分类", "您好", "办事指南：居民身份证"])
def test_short_chinese_of_old_encoding(tmp_path: Path, text: str) -> None:
    assert _write(tmp_path / "a.txt", text, "gb18030").blocks[0].text == text


def test_text_headings_take_levels_from_what_occurs(tmp_path: Path) -> None:
    text = "第一章 总则\n一、目的\n为了安全。\n1.1 范围\n适用全厂。\n第二章 附则\n3.5 MPa 以下\n2.10万元"
    document = _write(tmp_path / "a.txt", text)
    headings = [(b.text, b.level, b.section) for b in document.blocks if b.kind is BlockKind.HEADING]
    assert headings == [
        ("第一章 总则", 1, ("第一章 总则",)),
        ("一、目的", 2, ("第一章 总则", "一、目的")),
        ("1.1 范围", 3, ("第一章 总则", "一、目的", "1.1 范围")),
        ("第二章 附则", 1, ("第二章 附则",)),
    ]


def test_characters_that_harm_are_taken_out_and_radicals_made_ideographs(tmp_path: Path) -> None:
    document = _write(tmp_path / "a.txt", "⽇期\x00：２０２５年⻓江，ﬁne\x07")
    assert document.blocks[0].text == "日期：2025年长江，fine"


def test_markdown(tmp_path: Path) -> None:
    text = (
        "# 运行 **规程**\n\n正文一。\n\n- 甲\n- 乙\n\n```sh\nmake  up\n\nx\n```\n\n"
        "| 项 | 值 |\n|---|---|\n| 温 | 85 |\n"
    )
    document = _write(tmp_path / "a.md", text)
    assert _seen(document) == [
        ("heading", "# 运行 **规程**"),
        ("paragraph", "正文一。"),
        ("list", "- 甲\n- 乙"),
        ("code", "```sh\nmake  up\n\nx\n```"),
        ("table", "| 项 | 值 |\n| 温 | 85 |"),
    ]
    assert document.blocks[-1].section == ("运行 规程",)
    assert document.blocks[-1].rows == (("项", "值"), ("温", "85"))
    assert document.title == "运行 规程"


def test_html(tmp_path: Path) -> None:
    page = (
        "<html><head><meta charset=gb2312><title>指南</title><style>p{}</style></head><body><nav>菜单</nav>"
        "<h1>办理</h1><p>第一步<br>第二步<script>alert(1)</script></p><ul><li>身份证<ul><li>原件</li></ul></li></ul>"
        "<table><tr><th>事项</th><th>天数</th></tr>"
        "<tr><td rowspan=2>甲</td><td>1</td></tr><tr><td>2</td></tr></table>"
        "</body></html>"
    )
    document = _write(tmp_path / "a.html", page, "gb18030")
    assert _seen(document) == [
        ("heading", "办理"),
        ("paragraph", "第一步\n第二步"),
        ("list", "- 身份证\n- 原件"),
        ("table", "| 事项 | 天数 |\n| 甲 | 1 |\n| 甲 | 2 |"),
    ]
    assert document.title == "指南"


@pytest.mark.parametrize(("delimiter", "name"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.tsv")])
def test_delimited_text(tmp_path: Path, delimiter: str, name: str) -> None:
    lines = [["设备", "备注"], ["主变", '"a\nb"'], ["开关", "正常"]]
    document = _write(tmp_path / name, "\n".join(delimiter.join(line) for line in lines), "gb18030")
    assert document.blocks[0].rows == (("设备", "备注"), ("主变", "a b"), ("开关", "正常"))
    assert document.blocks[0].text.split("\n")[2] == f"开关{delimiter}正常"


def test_docx(tmp_path: Path) -> None:
    number = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="9"/></w:numPr>'
    cell = "<w:tc><w:tcPr>{0}</w:tcPr><w:p><w:r><w:t>{1}</w:t></w:r></w:p></w:tc>"
    table = (
        "<w:tbl><w:tr>" + cell.format("", "类别") + cell.format("", "值") + "</w:tr><w:tr>"
        + cell.format('<w:vMerge w:val="restart"/>', "温度") + cell.format("", "85") + "</w:tr><w:tr>"
        + cell.format("<w:vMerge/>", "") + cell.format("", "90") + "</w:tr></w:tbl>"
    )  # fmt: skip
    body = (
        paragraph_xml("总则", properties='<w:pStyle w:val="Heading1"/>')
        + paragraph_xml("为了安全。", properties=number)
        + paragraph_xml("适用全厂。", properties=number)
        + f"<w:sdt><w:sdtContent>{paragraph_xml('控件里的字')}</w:sdtContent></w:sdt>"
        + "<w:p><w:r><w:t>留</w:t></w:r><w:del><w:r><w:delText>删</w:delText></w:r></w:del>"
        + "<w:ins><w:r><w:t>增</w:t></w:r></w:ins></w:p>"
        + paragraph_xml("大纲", properties='<w:outlineLvl w:val="1"/>')
        + table
    )
    path = make_docx(tmp_path / "a.docx", body=body, extra={"word/numbering.xml": _DOCX_NUMBERING.encode()})
    document = parse_file(path=path, filename="a.docx", limits=ParseLimits())
    assert _seen(document) == [
        ("heading", "总则"),
        ("list", "第一条 为了安全。"),
        ("list", "第二条 适用全厂。"),
        ("paragraph", "控件里的字"),
        ("paragraph", "留增"),
        ("heading", "大纲"),
        ("table", "| 类别 | 值 |\n| 温度 | 85 |\n| 温度 | 90 |"),
    ]
    assert document.blocks[-1].section == ("总则", "大纲")


def test_xlsx(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "检修台账"
    sheet.append(["2025年检修台账"])
    sheet.append(["设备", "日期", "费用"])
    sheet.append(["主变", dt.date(2025, 3, 1), 0.1 + 0.2])
    sheet.append([None, dt.datetime.fromisoformat("2025-03-02T08:30"), 12.0])
    sheet.merge_cells("A3:A4")
    book.create_sheet("空")
    book.create_sheet("说明")["B2"] = "只此一格"
    book.save(tmp_path / "a.xlsx")
    document = parse_file(path=tmp_path / "a.xlsx", filename="a.xlsx", limits=ParseLimits())
    assert [(block.kind.value, block.page, block.text) for block in document.blocks] == [
        ("heading", 1, "检修台账"),
        ("paragraph", 1, "2025年检修台账"),
        ("table", 1, "| 设备 | 日期 | 费用 |\n| 主变 | 2025-03-01 | 0.3 |\n| 主变 | 2025-03-02 08:30 | 12 |"),
        ("heading", 3, "说明"),
        ("paragraph", 3, "只此一格"),
    ]
    assert document.pages == 3


def test_pptx(tmp_path: Path) -> None:
    import pptx
    from pptx.util import Inches

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = "安全培训"
    for top, text in ((4, "下面"), (2, "上面")):
        slide.shapes.add_textbox(Inches(1), Inches(top), Inches(3), Inches(1)).text_frame.text = text
    table = slide.shapes.add_table(2, 2, Inches(1), Inches(5), Inches(3), Inches(1)).table
    for row, column, text in ((0, 0, "项"), (0, 1, "值"), (1, 0, "温"), (1, 1, "85")):
        table.cell(row, column).text = text
    slide.notes_slide.notes_text_frame.text = "讲者备注"
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_textbox(0, 0, 9, 9).text_frame.text = "无题页"
    deck.save(tmp_path / "a.pptx")
    document = parse_file(path=tmp_path / "a.pptx", filename="a.pptx", limits=ParseLimits())
    assert [(block.page, block.text, block.section) for block in document.blocks] == [
        (1, "安全培训", ("安全培训",)),
        (1, "上面", ("安全培训",)),
        (1, "下面", ("安全培训",)),
        (1, "| 项 | 值 |\n| 温 | 85 |", ("安全培训",)),
        (1, "讲者备注", ("安全培训",)),
        (2, "无题页", ()),
    ]
    assert document.title == "安全培训"


def test_eml_with_attachments(tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "巡检报告"
    message["From"] = "张三 <zhang@example.com>"
    message.set_content("请查收。")
    message.add_alternative("<p>请查收。</p>", subtype="html")
    message.add_attachment(
        "设备,状态\n主变,正常\n".encode(), maintype="text", subtype="csv", filename="台账.csv"
    )
    message.add_attachment(b"\x00\x01", maintype="application", subtype="zip", filename="包.zip")
    path = tmp_path / "a.eml"
    path.write_bytes(message.as_bytes())
    document = parse_file(path=path, filename="a.eml", limits=ParseLimits())
    assert [(block.text, block.section) for block in document.blocks] == [
        ("From: 张三 <zhang@example.com>\nSubject: 巡检报告", ()),
        ("请查收。", ()),
        ("台账.csv", ("台账.csv",)),
        ("设备,状态\n主变,正常", ("台账.csv",)),
        ("包.zip", ("包.zip",)),
    ]
    assert document.title == "巡检报告"
    assert document.warnings == ("attachment_skipped:unsupported_format:包.zip",)


@pytest.mark.parametrize(
    ("head", "filename", "wanted"),
    [
        (b"%PDF-1.7", "a.txt", "pdf"),
        (b"PK\x03\x04" + b"\x00" * 30 + b"word/document.xml", "noname", "docx"),
        (b"PK\x03\x04", "a.XLSX", "xlsx"),
        (b"<!DOCTYPE html><html>", "noname", "html"),
        (b"From: a@example.com\n", "noname", "eml"),
        ("正文".encode(), "noname", "txt"),
        (b"x", "日志.LOG", "txt"),
        (b"a\tb", "a.tsv", "csv"),
        (b"x", "a.markdown", "md"),
    ],
)
def test_formats_are_told_by_content_then_by_name(head: bytes, filename: str, wanted: str) -> None:
    assert detect_format(head=head, filename=filename) == wanted
    assert wanted in SUPPORTED


@pytest.mark.parametrize(
    ("head", "filename", "extension"),
    [
        (b"PK\x03\x04", "a.docm", "docm"),
        (b"PK\x03\x04", "a.zip", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.doc", "doc"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.txt", "txt"),
        (b"\x89PNG\r\n\x1a\n", "a.html", "html"),
        (b"{\\rtf1", "a.rtf", "rtf"),
        (b"\x7fELF\x02", "noname", ""),
    ],
)
def test_other_formats_are_refused_by_name(head: bytes, filename: str, extension: str) -> None:
    with pytest.raises(ParseError) as raised:
        detect_format(head=head, filename=filename)
    assert raised.value.code == "unsupported_format"
    assert raised.value.params == {"extension": extension, "supported": ", ".join(SUPPORTED)}


def test_no_bytes_are_an_empty_file() -> None:
    with pytest.raises(ParseError) as raised:
        detect_format(head=b"", filename="a.pdf")
    assert raised.value.code == "empty_file"

"""E-mail as the mail programs of Chinese offices send it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from email.message import EmailMessage
from urllib.parse import quote_from_bytes

import pytest

from rag.parsing import ParsedDocument, ParseError, ParseLimits
from rag.parsing.charset import decode
from rag.parsing.reader import parse_stream
from tests.rag.parsing.makers import pdf_of

# 镕 and 喆 are in GBK and not in GB2312.
SUBJECT = "关于朱镕基同志讲话喆的通知"


def parsed(data: bytes) -> ParsedDocument:
    return parse_stream(stream=io.BytesIO(data), filename="a.eml", limits=ParseLimits())


def word(data: bytes, label: str = "gb2312") -> bytes:
    return b"=?" + label.encode() + b"?B?" + base64.b64encode(data) + b"?="


def mail(subject: bytes, body: bytes = "正文。".encode(), charset: str = "utf-8") -> bytes:
    kind = f"Content-Type: text/plain; charset={charset}".encode()
    return b"From: a@b.cn\r\nSubject: " + subject + b"\r\n" + kind + b"\r\n\r\n" + body


def with_attachment(disposition: bytes, content: str = "附件内容。") -> bytes:
    return (
        b"From: a@b.cn\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "正文。".encode() + b"\r\n--B\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment; "
        + disposition
        + b"\r\n\r\n"
        + content.encode()
        + b"\r\n--B--\r\n"
    )


class TestSubject:
    def test_gbk_labelled_gb2312(self) -> None:
        assert parsed(mail(word(SUBJECT.encode("gbk")))).title == SUBJECT

    def test_a_character_broken_between_two_words(self) -> None:
        data = SUBJECT.encode("gbk")
        assert parsed(mail(word(data[:7]) + b"\r\n " + word(data[7:]))).title == SUBJECT

    @pytest.mark.parametrize("encoding", ["gbk", "utf-8"])
    def test_bare_bytes(self, encoding: str) -> None:
        assert parsed(mail(SUBJECT.encode(encoding))).title == SUBJECT

    def test_text_between_words_stays(self) -> None:
        subject = b"Re: " + word("关于".encode("gbk")) + b" Q3 " + word("审批".encode(), "utf-8")
        assert parsed(mail(subject)).title == "Re: 关于 Q3 审批"

    def test_quoted_printable_words(self) -> None:
        assert parsed(mail(b"=?utf-8?q?=E5=AE=A1=E6=89=B9_A?=")).title == "审批 A"

    @pytest.mark.parametrize("encoding", ["iso-2022-jp", "hz"])
    def test_encodings_that_hide_in_ascii(self, encoding: str) -> None:
        text = "会議の案内" if encoding == "iso-2022-jp" else "会议通知"
        assert parsed(mail(word(text.encode(encoding), encoding))).title == text

    def test_a_broken_word_is_shown_as_it_stands(self) -> None:
        assert parsed(mail(b"=?nonsense?B?!!!?= x")).title is not None


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("iso-2022-jp", "会議の案内です。"),
        ("hz-gb-2312", "会议通知。"),
        ("euc-kr", "대출 기간은 삼 년입니다."),
    ],
)
def test_the_body_is_read_in_the_declared_encoding(charset: str, text: str) -> None:
    encoding = {"hz-gb-2312": "hz"}.get(charset, charset)
    document = parsed(mail(b"s", text.encode(encoding), charset))
    assert document.blocks[-1].text == text


def test_korean_of_unknown_encoding_and_chinese_that_could_be_korean() -> None:
    korean = "안녕하세요. 이것은 한국어 문서입니다. 대출 기간은 삼 년을 초과하지 않습니다."
    assert decode(korean.encode("euc_kr")).text == korean
    chinese = "本办法规定公司的财务管理办法，各部门领导根据规定报告贷款情况。"
    assert decode(chinese.encode("gbk")).text == chinese


class TestAttachmentNames:
    @pytest.mark.parametrize(
        "disposition",
        [
            b'filename="' + word("附件说明喆.txt".encode("gbk")) + b'"',
            b'filename="' + "附件说明喆.txt".encode("gbk") + b'"',
            b"filename*=gb2312''" + quote_from_bytes("附件说明喆.txt".encode("gbk")).encode(),
            b"filename*=utf-8''" + quote_from_bytes("附件说明喆.txt".encode()).encode(),
        ],
    )
    def test_in_every_form_they_are_sent(self, disposition: bytes) -> None:
        document = parsed(with_attachment(disposition))
        assert document.blocks[-1].section == ("附件说明喆.txt",)
        assert (document.blocks[-1].text, document.warnings) == ("附件内容。", ())

    def test_with_nul_or_without_end_are_cleaned_and_cut(self) -> None:
        document = parsed(with_attachment(b"filename*=utf-8''a%00b.zip"))
        assert document.warnings == ("attachment_skipped:unsupported_format:ab.zip",)
        document = parsed(with_attachment(b'filename="' + b"x" * 5000 + b'.zip"'))
        assert document.warnings == ("attachment_skipped:unsupported_format:" + "x" * 189 + ".zip",)


def test_details_of_an_error_are_one_storable_line_of_limited_length() -> None:
    error = ParseError("corrupt_file", {"detail": "a\x00b\ud800\n" + "x" * 5000, "limit": 7})
    assert error.params == {"detail": "ab " + "x" * 297, "limit": 7}


def test_the_text_of_a_mail_is_limited_as_a_whole_however_many_pdfs_are_attached() -> None:
    message = EmailMessage()
    message["Subject"] = "s"
    message.set_content("x" * 400)
    for number in range(3):
        pdf = pdf_of("A line of text in a small document. " * 2)
        message.add_attachment(pdf, maintype="application", subtype="pdf", filename=f"{number}.pdf")
    data = message.as_bytes()
    whole = sum(len(block.text) for block in parsed(data).blocks)
    assert whole > 600
    limits = replace(ParseLimits(), max_chars=whole - 1)
    with pytest.raises(ParseError, match="too_much_text"):
        parse_stream(stream=io.BytesIO(data), filename="a.eml", limits=limits)

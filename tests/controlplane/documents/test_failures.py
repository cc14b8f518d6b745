from unittest.mock import Mock

import pytest
from django.utils import translation

from controlplane.documents.failures import CODES, failure, storable
from controlplane.documents.services import parsing
from rag.parsing import ParseError
from rag.parsing.errors import CODES as PARSE_CODES
from tests.controlplane.documents.library import Library


def test_every_error_of_the_parser_has_a_message_and_a_remedy() -> None:
    assert PARSE_CODES <= CODES
    for code in CODES:
        told = failure(code=code, params={"limit": 5})
        assert told.message
        assert told.remedy
        assert "%(" not in told.message + told.remedy


def test_the_parameters_are_in_the_text() -> None:
    with translation.override("en"):
        told = failure(code="too_many_pages", params={"pages": 9000, "limit": 5000})
    assert told.message == "The file has more pages than the limit of 5000."


def test_every_message_is_in_chinese_too() -> None:
    with translation.override("en"):
        english = {code: failure(code=code, params={}) for code in CODES}
    with translation.override("zh-hans"):
        assert failure(code="encrypted_file", params={}).message == "文件受密码保护。"
        for code in CODES:
            told = failure(code=code, params={})
            assert told.message != english[code].message
            assert told.remedy != english[code].remedy


def test_a_code_of_a_later_release_is_told_in_general_terms() -> None:
    with translation.override("en"):
        told = failure(code="gremlins", params={})
    assert told.message == "Indexing the document failed."


def test_what_a_reader_says_is_made_storable(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storable("a\0b\ud800" + "x" * 1000) == "ab?" + "x" * 497
    received = library.upload().json()
    error = ParseError("corrupt_file")
    error.params["detail"] = "a\0b"  # as from a child that a file has taken over
    monkeypatch.setattr(parsing, "_read", Mock(side_effect=error))
    library.work()
    assert library.document(received["id"])["error"]["code"] == "corrupt_file"


def test_an_attachment_with_nul_in_its_name_is_named_in_a_warning(library: Library) -> None:
    attachment = b"--B\r\nContent-Disposition: attachment; filename*=utf-8''a%00b.zip\r\n\r\nxx\r\n--B--\r\n"
    head = b"Subject: s\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nbody\r\n"
    document = library.indexed(head + attachment, "m.eml")
    assert document["versions"][0]["warnings"] == ["attachment_skipped:unsupported_format:ab.zip"]

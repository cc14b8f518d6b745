from django.utils import translation

from controlplane.documents.failures import CODES, failure
from rag.parsing.errors import CODES as PARSE_CODES


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

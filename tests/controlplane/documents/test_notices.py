"""What a parser noticed is said in words, and every code that a parser writes has some."""

import re
from pathlib import Path

import pytest
from django.utils import translation

from controlplane.documents.notices import notice

PARSERS = Path(__file__).resolve().parents[3] / "rag/parsing"
WRITTEN = re.compile(r'warnings\.append\(f?"(\w+)')


@pytest.mark.parametrize(
    ("warning", "said"),
    [
        ("pages_without_text:3,7", "没有文字的页面（可能是扫描件，任何提问都检索不到）：3, 7。"),
        ("sheet_truncated:费率", "工作表“费率”没有读完。"),
        ("attachment_skipped:encrypted_file:合同.pdf", "未读取附件“合同.pdf”。 文件受密码保护。"),
        ("attachment_skipped:too_deep:转发.eml", "未读取附件“转发.eml”。"),
        ("something_new:1", "something_new:1"),
    ],
)
def test_a_warning_is_said_in_words(warning: str, said: str) -> None:
    with translation.override("zh-hans"):
        assert notice(warning=warning) == said


def test_every_code_of_the_parsers_has_words() -> None:
    codes = {code for file in PARSERS.glob("*.py") for code in WRITTEN.findall(file.read_text("utf-8"))}
    assert len(codes) >= 9
    assert [code for code in codes if notice(warning=f"{code}:1") == f"{code}:1"] == []

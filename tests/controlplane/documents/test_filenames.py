import pytest

from controlplane.documents.filenames import clean_filename, title_of


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("报告.pdf", "报告.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\a b.docx", "a b.docx"),
        ("a\x00b\r\n\tc.txt", "abc.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u200b\ufeff.md", "md"),
        ("..", "document"),
        ("", "document"),
        ("  spaced   out  .txt ", "spaced out .txt"),
        ("\ud800x.txt", "x.txt"),
        ("e\u0301.txt", "é.txt"),
        ("<script>alert(1)</script>.html", "script>.html"),
    ],
)
def test_a_file_name_is_made_safe_and_stays_readable(sent: str, kept: str) -> None:
    assert clean_filename(sent) == kept


def test_a_long_name_is_cut_to_255_bytes_and_keeps_its_extension() -> None:
    name = clean_filename("报" * 200 + ".pdf")
    assert name == "报" * 83 + ".pdf"
    assert len(name.encode()) == 253
    assert len(clean_filename("x" * 300).encode()) == 255


def test_the_title_is_the_name_without_its_extension() -> None:
    assert title_of("年度 报告.v2.pdf") == "年度 报告.v2"
    assert title_of("README") == "README"

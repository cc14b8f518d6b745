"""Real files of other projects: what must be found in them, and how the bad ones end."""

from __future__ import annotations

import re
import resource
import unicodedata
from itertools import pairwise

import pytest

from rag.parsing import SUPPORTED, ParsedDocument, ParseError, ParseLimits, parse_in_child
from rag.splitting import SplitSettings, split_document
from tests.rag.parsing.conftest import OfficeFile, office_files

pytestmark = pytest.mark.shared

_FILES = office_files()
if not _FILES:
    pytest.skip("needs ../shared/datasets/office-files", allow_module_level=True)

# A deck of one picture and nothing else.
_PICTURES_ONLY = frozenset({"normal/testWPSAttachment.pptx"})
_READABLE = [
    file
    for file in _FILES
    if file.kind in ("normal", "encoding") and file.format in SUPPORTED and file.name not in _PICTURES_ONLY
]
_UNSUPPORTED = [file for file in _FILES if file.format not in SUPPORTED]

# How each bad file ends: a code, or "text" where it gives up what it holds.
_ENDS = {
    "scanned/pr-136-example.pdf": "text",
    "scanned/ocr_test.pdf": "no_text",
    "scanned/docling_ocr_test.pdf": "no_text",
    "scanned/ocr_test_rotated_90.pdf": "no_text",
    "scanned/skew.pdf": "no_text",
    "scanned/MEDRPT-2024-PAT-3847_medical_report_scan.pdf": "no_text",
    "encrypted/r6-both-passwords.pdf": "encrypted_file",
    "encrypted/r6-user-password.pdf": "encrypted_file",
    "encrypted/r4-owner-password.pdf": "text",
    "encrypted/testWORD_protected_passtika.docx": "encrypted_file",
    "encrypted/testEXCEL_protected_passtika.xlsx": "encrypted_file",
    "hostile/ExternalEntityInText.docx": "corrupt_file",
    "hostile/poc-xmlbomb.xlsx": "corrupt_file",
    "hostile/GHOSTSCRIPT-698804-1-fuzzed.pdf": "no_text",
    "hostile/poppler-395-0-fuzzed.pdf": "corrupt_file",
    "hostile/REDHAT-1531897-0.pdf": "corrupt_file",
    "hostile/operator_list_cycle.pdf": "no_text",
    "hostile/issue-1113-evil-xobjects.pdf": "text",
    "hostile/malformed-from-issue-932.pdf": "text",
    "hostile/invalid.pdf": "corrupt_file",
    "hostile/truncated62886.docx": "corrupt_file",
    "hostile/testWORD_truncated.docx": "corrupt_file",
    "hostile/clusterfuzz-testcase-minimized-POIXWPFFuzzer-4791943399604224.docx": "corrupt_file",
    "hostile/clusterfuzz-testcase-minimized-POIXSSFFuzzer-4828727001088000.xlsx": "corrupt_file",
    "hostile/clusterfuzz-testcase-minimized-POIXSLFFuzzer-5463285576892416.pptx": "corrupt_file",
    "hostile/docx_external_image.docx": "text",
    "hostile/empty.eml": "corrupt_file",
    "hostile/empty.txt": "empty_file",
    "hostile/fake-power-point-malformed.pptx": "text",
}
_BAD = [f for f in _FILES if f.kind in ("scanned", "encrypted", "hostile") and f.format in SUPPORTED]


def _bare(text: str) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def _parse(file: OfficeFile, limits: ParseLimits) -> ParsedDocument:
    return parse_in_child(path=file.path, filename=file.path.name, limits=limits)


@pytest.mark.parametrize("file", _READABLE, ids=lambda file: file.name)
def test_the_text_of_a_sound_file_is_found(file: OfficeFile, limits: ParseLimits) -> None:
    document = _parse(file, limits)
    whole = _bare("\n".join(block.text for block in document.blocks))
    passages = [_bare(p.text) for p in split_document(document=document, settings=SplitSettings())]
    neighbours = [*passages, *(a + b for a, b in pairwise(passages))]
    for wanted in map(_bare, file.must_contain):
        assert wanted in whole
        assert any(wanted in text for text in neighbours)
    assert not re.search("[\x00\ud800-\udfff\u2f00-\u2fdf]", whole)


@pytest.mark.parametrize("file", _BAD, ids=lambda file: file.name)
def test_a_bad_file_ends_as_it_should(file: OfficeFile, limits: ParseLimits) -> None:
    wanted = _ENDS[file.name]
    if wanted == "text":
        document = _parse(file, limits)
        assert 0 < sum(len(block.text) for block in document.blocks) < 100_000
        return
    with pytest.raises(ParseError) as raised:
        _parse(file, limits)
    assert raised.value.code == wanted


@pytest.mark.parametrize("file", _UNSUPPORTED, ids=lambda file: file.name)
def test_a_format_not_read_yet_says_so(file: OfficeFile, limits: ParseLimits) -> None:
    with pytest.raises(ParseError) as raised:
        _parse(file, limits)
    assert raised.value.code == "unsupported_format"
    assert raised.value.params["extension"] == file.path.suffix.lstrip(".")


def test_pictures_without_text_are_named_as_such(limits: ParseLimits) -> None:
    file = next(file for file in _FILES if file.name in _PICTURES_ONLY)
    with pytest.raises(ParseError) as raised:
        _parse(file, limits)
    assert raised.value.code == "no_text"


def test_an_external_entity_is_never_read(limits: ParseLimits) -> None:
    file = next(file for file in _FILES if file.name == "hostile/ExternalEntityInText.docx")
    with pytest.raises(ParseError) as raised:
        _parse(file, limits)
    assert raised.value.params == {"detail": "document type in office XML"}


def test_no_child_needed_more_memory_than_its_limit(limits: ParseLimits) -> None:
    largest = max(_READABLE, key=lambda file: file.path.stat().st_size)
    _parse(largest, limits)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < limits.memory_bytes

"""Which formats are read, told by content first and by extension where content cannot tell."""

from __future__ import annotations

import re
from pathlib import PurePath

from rag.parsing.errors import ParseError

SUPPORTED: tuple[str, ...] = ("pdf", "docx", "xlsx", "pptx", "html", "md", "txt", "csv", "eml")

# Bytes of the file's beginning that detect_format wants; fewer are fine for shorter files.
HEAD_BYTES = 8192

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ZIP_MAGIC = b"PK\x03\x04"

_BY_EXTENSION = {
    "pdf": "pdf",
    "docx": "docx",
    "xlsx": "xlsx",
    "pptx": "pptx",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "md": "md",
    "markdown": "md",
    "txt": "txt",
    "text": "txt",
    "log": "txt",
    "csv": "csv",
    "tsv": "csv",
    "eml": "eml",
}
_OFFICE = ("docx", "xlsx", "pptx")
_OFFICE_FOLDERS = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
_BINARY_MAGICS = (
    ZIP_MAGIC,
    b"PK\x05\x06",
    OLE_MAGIC,
    b"{\\rtf",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x89PNG\r\n",
    b"\xff\xd8\xff",
    b"GIF8",
    b"II*\x00",
    b"MM\x00*",
    b"\x7fELF",
    b"MZ\x90\x00",
    b"SQLite format 3\x00",
)
_HTML_START = re.compile(
    rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_EML_START = re.compile(
    rb"(?:From |(?:Return-Path|Received|Message-ID|MIME-Version|From|To|Subject|Date|X-[\w-]+):)",
    re.IGNORECASE,
)


def extension_of(filename: str) -> str:
    """The extension in lower case without its dot."""
    return PurePath(filename.strip()).suffix.lower().lstrip(".")


def detect_format(*, head: bytes, filename: str) -> str:
    """Name the format of a file, one of SUPPORTED, from its first HEAD_BYTES bytes and its name.

    A file in the wrong clothes (a PDF named ``.txt``) is taken for what it is. Macro-enabled and legacy
    Office files, archives and other documents that are not read yet raise ParseError ``unsupported_format``;
    no bytes at all raise ``empty_file``.
    """
    extension = extension_of(filename)
    if not head:
        raise ParseError("empty_file")
    named = _BY_EXTENSION.get(extension)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if extension and named is None:
        raise _unsupported(extension)
    if head.startswith(ZIP_MAGIC):
        return _office_format(head, named, extension)
    if named in (*_OFFICE, "pdf"):
        return named
    if head.startswith(_BINARY_MAGICS):
        raise _unsupported(extension)
    return named or _text_format(head)


def _office_format(head: bytes, named: str | None, extension: str) -> str:
    if b"mimetypeapplication/" in head[:200]:
        raise _unsupported(extension)
    if named in _OFFICE:
        return named
    for folder, name in _OFFICE_FOLDERS:
        if folder in head:
            return name
    raise _unsupported(extension)


def _text_format(head: bytes) -> str:
    if _HTML_START.match(head):
        return "html"
    if _EML_START.match(head):
        return "eml"
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        raise _unsupported("")
    return "txt"


def _unsupported(extension: str) -> ParseError:
    return ParseError("unsupported_format", {"extension": extension[:20], "supported": ", ".join(SUPPORTED)})

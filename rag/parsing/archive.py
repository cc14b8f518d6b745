"""Checks an office file, which is a ZIP archive, before any library opens it: bombs, entities, encryption."""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import BinaryIO

from lxml import etree  # type: ignore[import-untyped]

from rag.parsing.errors import ParseError
from rag.parsing.formats import OLE_MAGIC
from rag.parsing.limits import ParseLimits

# Office XML never carries a document type; where one stands, entities follow.
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
# libxml2's XML_ERR_NO_MEMORY
_XML_NO_MEMORY = 2
_PROLOG_BYTES = 65536
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_XML_SUFFIXES = (".xml", ".rels", ".vml")


def check_archive(*, stream: BinaryIO, limits: ParseLimits, required: str) -> None:
    """Raise ParseError unless the archive is whole, within limits and holds the folder ``required``.

    Codes: ``encrypted_file``, ``corrupt_file``, ``file_too_large`` (after expansion). The stream is left at
    its start.
    """
    stream.seek(0)
    if stream.read(len(OLE_MAGIC)) == OLE_MAGIC:
        raise _inside_ole(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            _check_sizes(archive, limits)
            _check_contents(archive, required)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise ParseError("corrupt_file", {"detail": type(error).__name__}) from error
    finally:
        stream.seek(0)


def unreadable(error: Exception) -> ParseError:
    """What a library's complaint about a file means; libxml2 reports exhausted memory as a syntax error."""
    if isinstance(error, etree.XMLSyntaxError) and error.code == _XML_NO_MEMORY:
        return ParseError("parse_memory")
    return ParseError("corrupt_file", {"detail": type(error).__name__})


def _inside_ole(stream: BinaryIO) -> ParseError:
    """An office file inside an OLE container is either encrypted or an older format under a new name."""
    stream.seek(0)
    tail = b""
    while chunk := stream.read(1024 * 1024):
        if _ENCRYPTED_STREAM in tail + chunk:
            return ParseError("encrypted_file")
        tail = chunk[-len(_ENCRYPTED_STREAM) :]
    return ParseError("unsupported_format", {"extension": "ole", "supported": "docx, xlsx, pptx"})


def _check_sizes(archive: zipfile.ZipFile, limits: ParseLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.archive_max_entries:
        raise ParseError("file_too_large", {"entries": len(entries), "limit": limits.archive_max_entries})
    expanded = sum(entry.file_size for entry in entries)
    packed = max(sum(entry.compress_size for entry in entries), 1)
    if expanded > limits.archive_max_bytes:
        raise ParseError("file_too_large", {"bytes": expanded, "limit": limits.archive_max_bytes})
    if expanded > limits.archive_ratio_floor_bytes and expanded // packed > limits.archive_max_ratio:
        raise ParseError("file_too_large", {"ratio": expanded // packed, "limit": limits.archive_max_ratio})
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise ParseError("encrypted_file")


def _check_contents(archive: zipfile.ZipFile, required: str) -> None:
    names = [entry.filename.lstrip("/").lower() for entry in archive.infolist()]
    if not any(name.startswith(required) for name in names):
        raise ParseError("corrupt_file", {"detail": f"no {required}"})
    for entry in archive.infolist():
        if entry.filename.lower().endswith(_XML_SUFFIXES):
            with archive.open(entry) as member:
                prolog = member.read(_PROLOG_BYTES)
            if _DOCTYPE.search(prolog.replace(b"\x00", b"")):
                raise ParseError("corrupt_file", {"detail": "document type in office XML"})

"""Finds the parser of a format. Parsers are imported when first asked for: each brings a heavy library."""

from __future__ import annotations

import contextlib
import encodings
import pkgutil
from importlib import import_module
from typing import BinaryIO, Protocol, cast

from rag.parsing.collector import BlockCollector
from rag.parsing.document import ParsedDocument
from rag.parsing.errors import ParseError

_MODULES = {
    "pdf": "pdf",
    "docx": "word",
    "xlsx": "spreadsheet",
    "pptx": "slides",
    "html": "web",
    "md": "markdown",
    "txt": "plaintext",
    "csv": "delimited",
    "eml": "mail",
}

# Modules of the standard library that it imports itself inside functions.
_STANDARD_IMPORTS = ("heapq", "_strptime", "html.entities", "quopri", "bz2", "lzma", "linecache")
_LATE_IMPORTS = (
    "pdfplumber.table",
    "charset_normalizer",
    "charset_normalizer.legacy",
    "rag.parsing.page_image",
    "PIL.PngImagePlugin",
)


class Parser(Protocol):
    """Reads an open file into a collector."""

    def __call__(self, *, stream: BinaryIO, filename: str, collector: BlockCollector) -> ParsedDocument: ...


def parser_for(name: str) -> Parser:
    """The parser of a format named by detect_format."""
    module = import_module(f"rag.parsing.{_MODULES[name]}")
    return cast(Parser, module.parse)


def load_every_format() -> None:
    """Import all that any format may ever need, for a process whose children lose sight of their libraries.

    Python imports codecs when they are first used.
    """
    for name in _MODULES:
        parser_for(name)
    for module in (*_LATE_IMPORTS, *_STANDARD_IMPORTS):
        import_module(module)
    for codec in pkgutil.iter_modules(encodings.__path__):
        with contextlib.suppress(ImportError):  # codecs of other operating systems
            import_module(f"encodings.{codec.name}")


def check_content(document: ParsedDocument, *, name: str) -> None:
    """Refuse a document without a single readable character.

    Raises ParseError ``empty_file`` for formats that are all text, ``no_text`` where pictures may hold it.
    """
    if not any(block.text.strip() for block in document.blocks):
        raise ParseError("no_text" if name in ("pdf", "docx", "pptx", "xlsx") else "empty_file")

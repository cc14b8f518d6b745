"""Documents in, blocks of text or drawn pages out: reading of office files, in a bounded child process.

The public door of the package: what is not named here is private. Importing it loads no parser library.
"""

from rag.parsing.document import Block, BlockKind, ParsedDocument
from rag.parsing.errors import ParseError
from rag.parsing.formats import HEAD_BYTES, SUPPORTED, detect_format
from rag.parsing.limits import ParseLimits
from rag.parsing.reader import parse_file
from rag.parsing.supervisor import draw_page_in_child, parse_in_child

__all__ = [
    "HEAD_BYTES",
    "SUPPORTED",
    "Block",
    "BlockKind",
    "ParseError",
    "ParseLimits",
    "ParsedDocument",
    "detect_format",
    "draw_page_in_child",
    "parse_file",
    "parse_in_child",
]

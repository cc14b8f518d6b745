"""Whether this machine can draw Chinese: the pages of PDFs that do not bring their fonts are drawn with its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from PIL import ImageFont

# Where PDFium looks on Linux.
DIRECTORIES = tuple(
    map(
        Path,
        (
            "/usr/share/fonts",
            "/usr/local/share/fonts",
            "/usr/share/X11/fonts/Type1",
            "/usr/share/X11/fonts/TTF",
        ),
    )
)
MISSING = (
    "none for Chinese on this machine: pages of PDFs that bring no fonts are shown without their text "
    "(Debian: apt-get install fonts-noto-cjk)"
)
_KINDS = frozenset({".ttf", ".ttc", ".otf", ".otc", ".pfb"})
_CHARACTER, _NOBODYS = "渠", "\uffff"
_PIXELS = 16


def draws_chinese(directories: Iterable[Path] = DIRECTORIES) -> bool:
    return any(_has_character(path) for directory in directories for path in _fonts(directory))


def _fonts(directory: Path) -> Iterator[Path]:
    """Those first whose names speak for it, since each of the others has to be opened to know."""
    found = (path for path in directory.rglob("*") if path.suffix.lower() in _KINDS)
    yield from sorted(found, key=lambda path: ("CJK" not in path.name, path))


def _has_character(path: Path) -> bool:
    """Drawn unlike a character that no font has."""
    try:
        with path.open("rb") as file:  # of a name alone Pillow would take another font elsewhere
            font = ImageFont.truetype(file, _PIXELS)
        return bytes(font.getmask(_CHARACTER)) != bytes(font.getmask(_NOBODYS))
    except (OSError, ValueError):
        return False  # broken, or of a kind that only looks like a font

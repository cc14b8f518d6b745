"""File names as clients send them, made safe to keep and to show."""

import unicodedata

MAX_BYTES = 255
FALLBACK = "document"
_LONGEST_EXTENSION = 20


def clean_filename(name: str) -> str:
    """The last part of a path, without characters that are invisible, that control, or that reorder what is read.

    At most 255 bytes of UTF-8; the extension survives the cut.
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(character for character in unicodedata.normalize("NFC", last) if _is_shown(character))
    shown = " ".join(shown.split()).strip(". ") if shown.strip(". ") else ""
    return _cut(shown or FALLBACK)


def _is_shown(character: str) -> bool:
    # Cc controls, Cf formats (right-to-left override, zero width), Cs lone surrogates, Co private, Cn unassigned.
    return unicodedata.category(character)[0] != "C"


def _cut(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    room = MAX_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + dot + extension


def title_of(filename: str) -> str:
    """What to call a document that names no title of its own."""
    stem, dot, extension = filename.rpartition(".")
    return stem if dot and stem and len(extension) <= _LONGEST_EXTENSION else filename

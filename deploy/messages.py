"""The catalogue of messages: `make messages` takes new texts from the source and compiles the catalogue.

Pure Python (Babel), so that neither a developer nor an installation needs the gettext tools.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

SOURCE = Path("platform/controlplane")
CATALOGUE = SOURCE / "locale/zh_Hans/LC_MESSAGES/django.po"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}


def extract_template(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """Django makes Python of a template's texts, and blanks out the rest; what is left of its indentation is no Python's."""
    source = templatize(file.read().decode("utf-8"))
    lines = "\n".join(line.strip() for line in source.splitlines())
    yield from extract_python(BytesIO(lines.encode()), keywords, comment_tags, options)


METHODS = [("**/templates/**.html", "deploy.messages:extract_template"), ("**.py", "python")]


def extracted() -> Catalog:
    """Every text that the source marks for translation."""
    template = Catalog(charset="utf-8")
    for _file, _line, message, _comments, context in extract_from_dir(
        SOURCE, method_map=METHODS, keywords=KEYWORDS
    ):
        template.add(message, context=context)
    return template


def stored() -> Catalog:
    with CATALOGUE.open("rb") as opened:
        return read_po(opened, locale="zh_Hans")


def compiled(catalogue: Catalog) -> bytes:
    buffer = BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    return [str(message.id) for message in catalogue if message.id and (not message.string or message.fuzzy)]


def update() -> list[str]:
    """Merge the source's texts into the catalogue and compile it; returns what still lacks a translation."""
    catalogue = stored()
    catalogue.update(extracted(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    with CATALOGUE.open("wb") as opened:
        write_po(opened, catalogue, width=120, sort_output=True, omit_header=False)
    CATALOGUE.with_suffix(".mo").write_bytes(compiled(stored()))
    return untranslated(catalogue)


if __name__ == "__main__":
    missing = update()
    for text in missing:
        print(f"untranslated: {text}")
    sys.exit(bool(missing))

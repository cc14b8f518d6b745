"""Check data files and make the tables of the documentation.

python -m inference.catalogue check [FOLDER …]        the packaged files, and those of these folders
python -m inference.catalogue tables en|zh            print the tables
python -m inference.catalogue write en|zh FILE        put them into a document, between its marks
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.catalogue import CatalogueError, load_catalogue, packaged
from inference.catalogue.report import markdown, replaced


def main(arguments: Sequence[str] | None = None) -> int:
    """0, or 1 when a file was refused."""
    parser = argparse.ArgumentParser(prog="python -m inference.catalogue", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check")
    check.add_argument("folders", nargs="*", type=Path)
    for name in ("tables", "write"):
        command = commands.add_parser(name)
        command.add_argument("language", choices=("en", "zh"))
    command.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if given.command == "check":
        return _check(given.folders)
    tables = markdown(catalogue=packaged(), language=given.language)
    if given.command == "tables":
        sys.stdout.write(tables + "\n")
    else:
        document = given.file.read_text("utf-8")
        given.file.write_text(replaced(document=document, tables=tables), "utf-8")
    return 0


def _check(folders: Sequence[Path]) -> int:
    try:
        catalogue = load_catalogue(*folders)
    except CatalogueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(catalogue.entries)} models, every number with a source.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

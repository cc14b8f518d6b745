"""Read data files into the list of accelerators."""

from __future__ import annotations

from pathlib import Path

from inference.accelerators.entry import AcceleratorEntry
from inference.accelerators.errors import UnknownAcceleratorError
from inference.catalogue.errors import CatalogueError
from inference.catalogue.reading import data_files, read_table, source_problems

CARDS_FOLDER = Path(__file__).parent / "cards"


def load_accelerators(*folders: Path) -> tuple[AcceleratorEntry, ...]:
    """The packaged accelerators and those of these folders, by vendor and then by name.

    Raises ``CatalogueError`` with every problem of every file.
    """
    entries: dict[str, AcceleratorEntry] = {}
    problems: list[str] = []
    for file in data_files(folders=(CARDS_FOLDER, *folders)):
        try:
            entry = read_table(table=AcceleratorEntry, file=file)
        except CatalogueError as error:
            problems += error.problems
            continue
        problems += (f"{file}: {each}" for each in source_problems(table=entry, sources=entry.sources))
        if entry.id in entries:
            problems.append(f"{file}: id: {entry.id!r} is there already")
        entries.setdefault(entry.id, entry)
    if problems:
        raise CatalogueError(problems)
    vendors = ("nvidia", "huawei", "amd")
    return tuple(sorted(entries.values(), key=lambda each: (vendors.index(each.vendor), each.name)))


def find_accelerator(*, entries: tuple[AcceleratorEntry, ...], accelerator_id: str) -> AcceleratorEntry:
    """The one of that id. Raises ``UnknownAcceleratorError`` naming those there are."""
    for entry in entries:
        if entry.id == accelerator_id:
            return entry
    raise UnknownAcceleratorError(accelerator_id, known=[entry.id for entry in entries])

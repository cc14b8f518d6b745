"""Read a data file into its table, and check that every number in it has a source."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from inference.catalogue.errors import CatalogueError
from inference.catalogue.parts import Source, Table

T = TypeVar("T", bound=Table)


def data_files(*, folders: Iterable[Path]) -> Iterator[Path]:
    """Every ``*.toml`` of the folders, by name. Raises ``CatalogueError`` for a folder that is not there."""
    for folder in folders:
        if not folder.is_dir():
            raise CatalogueError([f"{folder}: no such folder"])
        yield from sorted(folder.glob("*.toml"))


def read_table(*, table: type[T], file: Path) -> T:
    """The file's content. Raises ``CatalogueError`` with every problem, each naming the file and the key."""
    try:
        content = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise CatalogueError([f"{file}: not TOML: {error}"]) from error
    return read_content(table=table, content=content, name=str(file))


def read_content(*, table: type[T], content: str, name: str) -> T:
    """As ``read_table``, of a text that has been read; ``name`` stands for the file in problems."""
    try:
        return table.model_validate(_without_lists(tomllib.loads(content)))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CatalogueError([f"{name}: not TOML: {error}"]) from error
    except ValidationError as error:
        raise CatalogueError([f"{name}: {_told(each)}" for each in error.errors()]) from error


def source_problems(*, table: BaseModel, sources: Mapping[str, Source]) -> Iterator[str]:
    """Sources that a table names and nobody gave, and those that nobody names."""
    used = dict(_sources_named(table, ""))
    for where, key in used.items():
        if key not in sources:
            yield f"{where}: there is no sources.{key}"
    for key in sorted(set(sources) - set(used.values())):
        yield f"sources.{key}: no table refers to it"


def _sources_named(table: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    """Every key called ``source`` or ``…_source`` below a table, with the source that it names."""
    for name in type(table).model_fields:
        value, where = getattr(table, name), f"{prefix}{name}"
        if name == "source" or name.endswith("_source"):
            if isinstance(value, str):
                yield where, value
        else:
            for place, item in _tables_in(value, where):
                yield from _sources_named(item, f"{place}.")


def _tables_in(value: Any, where: str) -> Iterator[tuple[str, BaseModel]]:
    """The tables that a key holds, each with its place: itself, or those in its array or table of tables."""
    if isinstance(value, BaseModel) and not isinstance(value, Source):
        yield where, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _tables_in(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _tables_in(item, f"{where}.{key}")


def _without_lists(value: Any) -> Any:
    """Arrays as tuples, which is what the tables hold."""
    if isinstance(value, dict):
        return {key: _without_lists(each) for key, each in value.items()}
    return tuple(_without_lists(each) for each in value) if isinstance(value, list) else value


def _told(problem: Mapping[str, Any]) -> str:
    where, before = "", None
    for part in problem["loc"]:
        # Pydantic names the kind of attention that it chose; the file has no such key.
        if isinstance(part, int):
            where += f"[{part}]"
        elif before != "attention":
            where += f".{part}"
        before = part
    said = {"extra_forbidden": "not a known key", "missing": "missing"}
    message = said.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    return f"{where.lstrip('.') or 'the file'}: {message}"

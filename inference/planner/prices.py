"""Price books of public APIs, one data file each, every price with its source."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints

from inference.catalogue import CatalogueError
from inference.catalogue.parts import Key, PartialDate, Source, Table, Text
from inference.catalogue.reading import data_files, read_table, source_problems

PRICES_FOLDER = Path(__file__).parent / "prices"
PER_TOKENS = 1_000_000

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


def _exact(value: object) -> object:
    """Prices are strings in the file: TOML's numbers are binary fractions."""
    return Decimal(value) if isinstance(value, str) else value


Price = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0)]


class Prices(Table):
    """For a million tokens."""

    input_hit: Price
    input_miss: Price
    output: Price
    source: Text


class Window(Table):
    """Hours of every day at which the cheaper prices hold."""

    start: Clock
    end: Clock
    zone: Text
    source: Text


class ApiModel(Table):
    """``serves`` are the models of the catalogue that it has answered with."""

    name: Text
    serves: tuple[Key, ...]
    standard: Prices
    off_peak: Prices | None = None


class PriceBook(Table):
    """What an API asked from ``since`` to ``until``."""

    id: Key
    name: Text
    since: PartialDate
    until: PartialDate | None = None
    currency: Currency
    source: Text
    off_peak: Window | None = None
    models: tuple[ApiModel, ...]
    sources: dict[Key, Source]


@cache
def price_books() -> tuple[PriceBook, ...]:
    """All, the newest first. Raises ``CatalogueError`` with every problem of every file."""
    books: list[PriceBook] = []
    problems: list[str] = []
    for file in data_files(folders=(PRICES_FOLDER,)):
        book = read_table(table=PriceBook, file=file)
        problems += (f"{file}: {each}" for each in _problems(book))
        books.append(book)
    if problems:
        raise CatalogueError(problems)
    return tuple(sorted(books, key=lambda book: book.since, reverse=True))


def _problems(book: PriceBook) -> Iterator[str]:
    yield from source_problems(table=book, sources=book.sources)
    for each in book.models:
        if each.off_peak is not None and book.off_peak is None:
            yield f"models.{each.name}.off_peak: there is no off_peak that says when"


def price_of(*, serves: str | None = None, name: str | None = None) -> tuple[PriceBook, ApiModel] | None:
    """The newest price of an API's model of that name, or of one that answers with that model of the catalogue."""
    for book in price_books():
        for each in book.models:
            if each.name == name or (name is None and serves in each.serves):
                return book, each
    return None


def priced() -> tuple[str, ...]:
    """Names of all models that have a price."""
    return tuple(dict.fromkeys(each.name for book in price_books() for each in book.models))

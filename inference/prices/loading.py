"""Read price books: those that ship, one data file each, and an organisation's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from inference.catalogue import CatalogueError
from inference.catalogue.reading import data_files, read_content, source_problems
from inference.prices.book import PriceBook, PricedModel

BOOKS_FOLDER = Path(__file__).parent / "books"
EXAMPLE_FILE = BOOKS_FOLDER / "deepseek-2025-02.toml"
# Far beyond any book of prices, and read in a moment.
MOST_BYTES = 256 * 1024

BookError = CatalogueError


def read_book(*, content: str, name: str) -> PriceBook:
    """The book in a file's text. Raises ``BookError`` with every problem, each naming ``name`` and the key."""
    if len(content.encode("utf-8", "replace")) > MOST_BYTES:
        raise BookError([f"{name}: larger than {MOST_BYTES // 1024} KiB"])
    book = read_content(table=PriceBook, content=content, name=name)
    problems = [*book.problems(), *source_problems(table=book, sources=book.sources)]
    if problems:
        raise BookError([f"{name}: {each}" for each in problems])
    return book


@cache
def price_books() -> tuple[PriceBook, ...]:
    """All that ship, the newest first. Raises ``BookError`` with every problem of every file."""
    books: list[PriceBook] = []
    problems: list[str] = []
    for file in data_files(folders=(BOOKS_FOLDER,)):
        try:
            books.append(read_book(content=file.read_text("utf-8"), name=str(file)))
        except BookError as error:
            problems += error.problems
    if problems:
        raise BookError(problems)
    return tuple(sorted(books, key=lambda book: book.since, reverse=True))


def price_of(*, serves: str | None = None, name: str | None = None) -> tuple[PriceBook, PricedModel] | None:
    """The newest price of an API's model of that name, or of one that answers with that model of the catalogue."""
    for book in price_books():
        for each in book.models:
            if each.name == name or (name is None and serves in each.serves):
                return book, each
    return None


def priced() -> tuple[str, ...]:
    """Names of all models that have a price."""
    return tuple(dict.fromkeys(each.name for book in price_books() for each in book.models))

"""Price books: what a million tokens cost, by model, moment and kind of token.

    from inference.prices import price_books
    (book,) = price_books()
    price = book.price_at(model="deepseek-r1", at=admitted_at)
    price.cost(prompt_tokens=2000, cached_tokens=1500, completion_tokens=800), price.currency, price.rule

A book is a data file with a source for each number that was read somewhere; an organisation's own need none.
"""

from __future__ import annotations

from inference.prices.book import PER_TOKENS, Price, PriceBook, PricedModel, Rates
from inference.prices.loading import (
    EXAMPLE_FILE,
    BookError,
    price_books,
    price_of,
    priced,
    read_book,
)

__all__ = [
    "EXAMPLE_FILE",
    "PER_TOKENS",
    "BookError",
    "Price",
    "PriceBook",
    "PricedModel",
    "Rates",
    "price_books",
    "price_of",
    "priced",
    "read_book",
]

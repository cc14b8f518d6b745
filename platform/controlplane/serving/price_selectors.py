"""The prices of a moment, and the price books that they stand in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import not_found
from controlplane.serving.models import PriceBook
from inference.prices import Price, read_book
from inference.prices import PriceBook as Book


def price_book_list() -> QuerySet[PriceBook]:
    """Every version of every book, the newest first, without the files."""
    return PriceBook.objects.defer("content").order_by("-id")


def price_book_get(*, book_id: UUID) -> PriceBook:
    """Raises NotFound."""
    found = PriceBook.objects.filter(pk=book_id).first()
    if found is None:
        raise not_found(kind=_("price book"), id=book_id)
    return found


@lru_cache(maxsize=64)
def price_book_content(*, book_id: UUID) -> Book:
    """The book in the file. A version is never changed, so it is read once by each process."""
    row = PriceBook.objects.only("content", "book").get(pk=book_id)
    return read_book(content=row.content, name=row.book)


@dataclass(frozen=True, slots=True)
class PriceList:
    """All versions that there were when it was made, the newest first."""

    versions: Sequence[PriceBook]

    def price_at(self, *, model: str, at: datetime) -> Price | None:
        """The one price of that moment; None where no book has any.

        Of a book the last version counts that had been imported and had begun by then, even if it knows the model no more. Of
        several books with a price for the model the one that was imported last.
        """
        decided: set[str] = set()
        for row in self.versions:
            if row.book in decided or row.created_at > at or row.valid_from > at:
                continue
            decided.add(row.book)
            if row.valid_until is not None and at >= row.valid_until:
                continue
            price = price_book_content(book_id=row.pk).price_within(model=model, at=at)
            if price is not None:
                return replace(price, rule=f"{row}{price.rule.removeprefix(row.book)}")
        return None


def price_list() -> PriceList:
    """One query, however many prices are asked for."""
    return PriceList(list(price_book_list()))

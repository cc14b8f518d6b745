"""Importing price books. A version is only ever added."""

from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from controlplane.audit.services import record_of_platform
from controlplane.core.problems import InvalidInput
from controlplane.core.scope import Scope, scoped
from controlplane.serving.models import PriceBook
from inference.prices import EXAMPLE_FILE, BookError, read_book
from inference.prices import PriceBook as Book

EXAMPLE = "deepseek-example"
_MOST_TOLD = 20


def price_book_import(*, actor: str, content: str, from_now: bool = False) -> tuple[PriceBook, bool]:
    """The book in the file as a new version, and True; the newest version and False where it says the same already.

    `from_now`: it holds from this moment on without an end, whatever the file says. The caller has checked that `actor`
    administers the platform. Raises InvalidInput with all faults of the file in `problems`.
    """
    book = _checked(content)
    with transaction.atomic():
        with scoped(Scope(actor=actor, platform=True)):
            _one_at_a_time()
            newest = PriceBook.objects.filter(book=book.id).order_by("-version").first()
            if newest is not None and _says_the_same(newest, book, content, from_now):
                return newest, False
            begins, ends = (timezone.now(), None) if from_now else (book.starts_at, book.ends_at)
            made = _added(actor, book, content, newest, begins, ends)
        record_of_platform(
            actor=actor,
            action="price_book.imported",
            target=f"price_book:{made.pk}",
            book=made.book,
            version=made.version,
            name=made.name,
            valid_from=begins.isoformat(),
            valid_until=ends.isoformat() if ends else "",
        )
    return made, True


def price_book_import_example(*, actor: str) -> tuple[PriceBook, bool]:
    """DeepSeek's prices of February 2025, from now on: what the own machines answer is reckoned as its API was."""
    return price_book_import(actor=actor, content=EXAMPLE_FILE.read_text("utf-8"), from_now=True)


def _checked(content: str) -> Book:
    try:
        if "\x00" in content:
            raise BookError(["the file: not TOML: a NUL"])
        return read_book(content=content, name="the file")
    except BookError as error:
        problems = [each.removeprefix("the file: ") for each in error.problems]
        raise InvalidInput(
            code="price_book_invalid",
            field="content",
            detail=_("The price book cannot be used: %(fault)s") % {"fault": problems[0]},
            remedy=_("Correct the file as docs/usage.md describes it; all faults are in “problems”."),
            problems=problems[:_MOST_TOLD],
        ) from error


def _one_at_a_time() -> None:
    """Versions are numbered, and count, in the order of their commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('serving_pricebook'))")


def _says_the_same(newest: PriceBook, book: Book, content: str, from_now: bool) -> bool:
    if newest.content != content:
        return False
    if from_now:
        return newest.valid_until is None and newest.valid_from <= timezone.now()
    return (newest.valid_from, newest.valid_until) == (book.starts_at, book.ends_at)


def _added(
    actor: str, book: Book, content: str, newest: PriceBook | None, begins: datetime, ends: datetime | None
) -> PriceBook:
    return PriceBook.objects.create(
        created_by=actor,
        book=book.id,
        version=newest.version + 1 if newest else 1,
        name=book.name,
        currency=book.currency,
        valid_from=begins,
        valid_until=ends,
        content=content,
    )

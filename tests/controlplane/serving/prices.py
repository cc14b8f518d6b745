"""Price books of tests, and the time at which they were imported."""

from datetime import datetime
from unittest.mock import patch

from controlplane.serving.models import PriceBook
from controlplane.serving.price_services import price_book_import

BOOK = """
id = "{book}"
name = "Own prices"
since = "{since}"
{until}
zone = "Asia/Shanghai"
currency = "{currency}"

[[windows]]
id = "night"
start = "00:30"
end = "08:30"

[[models]]
name = "{model}"
standard = {{ input_hit = "1", input_miss = "{price}", output = "16" }}
windows.night = {{ factor = "0.5" }}
"""


def book_text(
    *,
    book: str = "own",
    since: str = "2020-01-01",
    until: str = "",
    currency: str = "CNY",
    model: str = "deepseek-r1",
    price: str = "4",
) -> str:
    ends = f'until = "{until}"' if until else ""
    return BOOK.format(book=book, since=since, until=ends, currency=currency, model=model, price=price)


def imported(*, at: datetime, content: str = "", from_now: bool = False) -> PriceBook:
    """A version that was imported at that moment."""
    with patch("django.utils.timezone.now", return_value=at):
        row, _is_new = price_book_import(actor="system", content=content or book_text(), from_now=from_now)
    return row

"""Versions of price books: added, never changed, and which of them has the price of a moment."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list
from controlplane.core.problems import InvalidInput
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.serving.models import PriceBook
from controlplane.serving.price_selectors import price_list
from controlplane.serving.price_services import price_book_import, price_book_import_example
from tests.controlplane.organisations import Organisation
from tests.controlplane.serving.prices import book_text, imported

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def rule_at(at: datetime, model: str = "deepseek-r1") -> str | None:
    price = price_list().price_at(model=model, at=at)
    return price.rule if price else None


def test_a_book_counts_from_its_import_on(db: None) -> None:
    imported(at=MAY)
    assert rule_at(MAY - timedelta(microseconds=1)) is None
    assert rule_at(MAY) == "own@1/deepseek-r1/standard"
    assert rule_at(datetime(2026, 5, 1, 16, 30, tzinfo=UTC)) == "own@1/deepseek-r1/night"
    assert rule_at(MAY, "qwen") is None


def test_a_new_version_leaves_the_prices_of_before_as_they_were(db: None) -> None:
    imported(at=MAY)
    imported(at=MAY + DAY, content=book_text(price="40"))
    prices = price_list()
    for at, expected in ((MAY + DAY - timedelta(microseconds=1), 4), (MAY + DAY, 40)):
        price = prices.price_at(model="deepseek-r1", at=at)
        assert price is not None
        assert price.rates.input_miss == expected


def test_a_version_of_the_future_waits_and_the_last_word_counts(db: None) -> None:
    imported(at=MAY)
    imported(at=MAY + DAY, content=book_text(price="40", since="2026-05-11"))
    assert rule_at(MAY + 2 * DAY) == "own@1/deepseek-r1/standard"
    assert rule_at(MAY + 10 * DAY) == "own@2/deepseek-r1/standard"
    imported(at=MAY + 3 * DAY, content=book_text(price="5"))
    assert rule_at(MAY + 10 * DAY) == "own@3/deepseek-r1/standard"


def test_a_version_that_ends_or_leaves_a_model_out_ends_its_prices(db: None) -> None:
    imported(at=MAY)
    imported(at=MAY + DAY, content=book_text(until="2026-05-06"))
    assert rule_at(MAY + 2 * DAY) == "own@2/deepseek-r1/standard"
    assert rule_at(datetime(2026, 5, 5, 16, tzinfo=UTC)) is None
    imported(at=MAY + 9 * DAY, content=book_text(model="qwen"))
    assert rule_at(MAY + 9 * DAY) is None
    assert rule_at(MAY + 9 * DAY, "qwen") == "own@3/qwen/standard"


def test_of_two_books_the_one_imported_last_counts(db: None) -> None:
    imported(at=MAY)
    imported(at=MAY + DAY, content=book_text(book="dollars", currency="USD"))
    assert rule_at(MAY + DAY) == "dollars@1/deepseek-r1/standard"
    imported(at=MAY + 2 * DAY, content=book_text(book="dollars", currency="USD", model="qwen"))
    assert rule_at(MAY + 2 * DAY) == "own@1/deepseek-r1/standard"


def test_all_prices_take_one_query_and_one_for_each_version_that_is_new_to_the_process(
    db: None, django_assert_num_queries: Any
) -> None:
    for day in range(3):
        imported(at=MAY + day * DAY, content=book_text(price=str(day + 1)))
    with django_assert_num_queries(2):
        assert price_list().price_at(model="deepseek-r1", at=MAY + 5 * DAY) is not None
    with django_assert_num_queries(1):
        prices = price_list()
        assert all(prices.price_at(model="deepseek-r1", at=MAY + (5 + day) * DAY) for day in range(20))


def test_the_example_prices_from_now_on_and_once(db: None) -> None:
    row, is_new = price_book_import_example(actor="system")
    assert (is_new, row.version, row.valid_until) == (True, 1, None)
    assert price_book_import_example(actor="system") == (row, False)
    later = datetime(2036, 3, 9, 12, tzinfo=UTC)
    price = price_list().price_at(model="deepseek-ai/DeepSeek-V3", at=later)
    assert price is not None
    assert (price.rule, price.rates.output) == ("deepseek-2025-02@1/deepseek-chat/standard", Decimal(8))


def test_an_import_is_told_in_the_platforms_trail(db: None) -> None:
    row = imported(at=MAY)
    assert imported(at=MAY + DAY) == row  # the same again
    with scoped(Scope(tenant_id=PLATFORM_CHAIN, administers=True)):
        events = event_list(tenant_id=PLATFORM_CHAIN, target=f"price_book:{row.pk}")
        [(actor, action, data)] = events.values_list("actor", "action", "data")
    assert (actor, action, data["book"], data["version"]) == ("system", "price_book.imported", "own", 1)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (book_text(price="-4"), "models[0].standard.input_miss: Input should be greater than or equal to 0"),
        ("nonsense", "not TOML"),
        ("\x00", "not TOML"),
    ],
)
def test_a_faulty_book_names_its_faults_and_changes_nothing(db: None, content: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        price_book_import(actor="system", content=content)
    assert (raised.value.code, raised.value.field) == ("price_book_invalid", "content")
    assert raised.value.document()["problems"][0].startswith(fault)
    assert PriceBook.objects.count() == 0


def test_nobody_changes_a_version_and_only_the_platform_adds_one(organisation: Organisation) -> None:
    row = imported(at=MAY)
    for change in ("UPDATE serving_pricebook SET content = ''", "DELETE FROM serving_pricebook"):
        with pytest.raises(ProgrammingError), platform_scope(), connection.cursor() as cursor:
            cursor.execute(change)
    forged = PriceBook(
        created_by="x", book="own", version=2, name="x", currency="CNY", valid_from=MAY, content="x"
    )
    for scope in (Scope(), Scope(tenant_id=organisation.tenant.pk, unrestricted=True, administers=True)):
        with pytest.raises(ProgrammingError), scoped(scope), transaction.atomic():
            forged.save(force_insert=True)
    with tenant_scope(organisation.tenant.pk):
        assert [each.pk for each in PriceBook.objects.all()] == [row.pk]


def test_the_table_may_not_be_emptied(app_dsn: str) -> None:
    with psycopg.connect(app_dsn) as own, pytest.raises(psycopg.errors.InsufficientPrivilege):
        own.execute("TRUNCATE serving_pricebook")

"""What a request cost: by the prices of its admission, from what the engine counted, off the request's path."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from controlplane.metering.entries import Entry
from controlplane.metering.journal.slots import Counters
from controlplane.metering.ledger import ledger_take
from controlplane.metering.models import LedgerEntry
from tests.controlplane.metering.test_ledger import admission, ending, rows
from tests.controlplane.organisations import Organisation
from tests.controlplane.serving.prices import book_text, imported

MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def taken(organisation: Organisation, *, at: datetime = MAY, **changes: Any) -> LedgerEntry:
    noted = admission(organisation, admitted_at=at)
    assert ledger_take(entries=[Entry(noted, ending(**changes))]) == 1
    return next(row for row in rows(organisation) if row.pk == noted.id)


def test_a_request_costs_what_its_admission_did(organisation: Organisation) -> None:
    imported(at=MAY)
    row = taken(
        organisation, prompt_tokens=1000, cached_tokens=400, completion_tokens=300, reasoning_tokens=200
    )
    # 400 × 1 + 600 × 4 + 300 × 16 yuan for a million
    assert (row.cost, row.currency, row.price_rule) == (
        Decimal("0.0076"),
        "CNY",
        "own@1/deepseek-r1/standard",
    )
    night = taken(organisation, at=datetime(2026, 5, 1, 16, 30, tzinfo=UTC), completion_tokens=1)
    assert night.cost == Decimal("0.000016")  # half of 4 × 1 + 3 × 4 + 16
    assert night.price_rule == "own@1/deepseek-r1/night"


def test_the_smallest_cost_is_not_rounded(organisation: Organisation) -> None:
    imported(at=MAY, content=book_text(price="0.000001"))
    row = taken(organisation, prompt_tokens=1, cached_tokens=0, completion_tokens=0)
    assert row.cost == Decimal("1e-12")


def test_a_price_that_changed_before_the_entry_was_taken_does_not_count(organisation: Organisation) -> None:
    imported(at=MAY)
    imported(at=MAY + DAY, content=book_text(price="4000"))
    assert taken(organisation, at=MAY + HOUR).price_rule == "own@1/deepseek-r1/standard"
    assert taken(organisation, at=MAY + DAY).price_rule == "own@2/deepseek-r1/standard"


def test_a_later_version_leaves_what_was_written(organisation: Organisation) -> None:
    imported(at=MAY)
    before = taken(organisation)
    imported(at=MAY + DAY, content=book_text(price="4000"))
    assert ledger_take(entries=[Entry(admission(organisation, id=before.pk), ending())]) == 0
    [row] = rows(organisation)
    assert (row.cost, row.price_rule) == (before.cost, before.price_rule)


def test_without_a_price_the_cost_is_not_known(organisation: Organisation) -> None:
    for row in (taken(organisation), taken(organisation, deployment="qwen")):
        assert (row.cost, row.currency, row.price_rule) == (None, "", "")
    imported(at=MAY + DAY)
    assert taken(organisation).cost is None  # it was admitted before there was a price


@pytest.mark.parametrize("outcome", ["failed", "stopped"])
def test_what_an_engine_counted_is_paid_for_whatever_became_of_it(
    organisation: Organisation, outcome: str
) -> None:
    imported(at=MAY)
    row = taken(organisation, outcome=outcome, code="engine_failed")
    assert row.cost == Decimal("0.000064")  # 4 × 1 + 3 × 4 + 3 × 16
    nothing = taken(organisation, outcome=outcome, prompt_tokens=0, cached_tokens=0, completion_tokens=0)
    assert nothing.cost == 0


def test_what_no_engine_was_asked_costs_nothing(organisation: Organisation) -> None:
    nothing = {"prompt_tokens": 0, "cached_tokens": 0, "completion_tokens": 0, "reasoning_tokens": 0}
    rejected = taken(organisation, outcome="rejected", code="model_not_found", deployment="", **nothing)
    refused = taken(organisation, deployment="", **nothing)
    assert [row.cost for row in (rejected, refused)] == [0, 0]


def test_tokens_that_nobody_counted_are_estimated_and_say_so(organisation: Organisation) -> None:
    imported(at=MAY)
    note = admission(organisation, admitted_at=MAY).noted() | {"deployment": "deepseek-r1"}
    ledger_take(entries=[Entry.interrupted(note, Counters(pieces=5))])
    [row] = rows(organisation)
    assert (row.cost, row.is_estimated) == (Decimal("0.00008"), True)


def test_many_entries_ask_once_for_prices(
    organisation: Organisation, django_assert_max_num_queries: Any
) -> None:
    imported(at=MAY)
    entries = [Entry(admission(organisation, admitted_at=MAY, is_audited=True), ending()) for _ in range(50)]
    with django_assert_max_num_queries(14):
        assert ledger_take(entries=entries) == 50

"""Money: a sheet by hand, and what a wrong input is told."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from inference.planner import CostInputs, CostSheet, PlanInputError, price_books
from tests.inference.planner.asking import planned

BOUGHT = CostInputs(
    purchase_per_card=Decimal(250_000),
    power_price_kwh=Decimal("0.8"),
    watts_per_node=Decimal(3000),
    running_per_month=Decimal(5000),
    requests_per_month=3_000_000,
    cache_hit_share=Decimal("0.5"),
    off_peak_share=Decimal("0.1"),
    start=date(2025, 3, 1),
)


def _inputs(**changes: Any) -> CostInputs:
    fields = {name: getattr(BOUGHT, name) for name in CostInputs.__dataclass_fields__}
    return CostInputs(**(fields | changes))


def _sheet(inputs: CostInputs, model: str = "deepseek-r1", card: str = "h200") -> CostSheet:
    sheet = planned(model, card, 8, concurrency=64, costs=inputs).costs
    assert sheet is not None
    return sheet


def test_the_shipped_prices() -> None:
    """yuan for a million tokens, February 2025."""
    (book,) = price_books()
    assert book.currency == "CNY"
    [window] = book.windows
    assert (window.start, window.end, book.zone) == ("00:30", "08:30", "Asia/Shanghai")
    found = {
        each.name: [
            (float(rates.input_hit), float(rates.input_miss), float(rates.output))
            for rates in (each.rates["standard"], each.rates[window.id])
        ]
        for each in book.models
    }
    assert found == {
        "deepseek-chat": [(0.5, 2, 8), (0.25, 1, 4)],
        "deepseek-reasoner": [(1, 4, 16), (0.25, 1, 4)],
    }


def test_a_purchase_by_hand() -> None:
    sheet = _sheet(BOUGHT)
    own = sheet.own
    assert own.purchase == 2_000_000
    assert own.capital == Decimal("55555.56")  # over 36 months
    # (8 × 700 W + 3,000 W) × 1.3 × 730 h
    assert own.kilowatt_hours == 8161
    assert own.power == Decimal("6529.12")
    assert own.total == Decimal("67084.68")
    api = sheet.api
    # Averages of 90 % standard and 10 % off-peak: 0.925, 3.7 and 14.8 a million; 1,000 + 1,000 and 1,000 tokens a request.
    assert [api.input_hit, api.input_miss, api.output] == [2775, 11_100, 44_400]
    assert api.per_request == Decimal("0.019425")
    assert sheet.break_even_requests == 3_453_523
    assert sheet.break_even_months == Decimal("42.8")  # 2,000,000 / (58,275 − 11,529.12)
    assert sheet.break_even_date == date(2028, 9, 23)
    assert [note.code for note in sheet.notes] == ["cost_paid_back_late"]


def test_few_requests_never_pay_it_back() -> None:
    sheet = _sheet(_inputs(requests_per_month=1000))
    assert sheet.break_even_months is None
    assert sheet.break_even_date is None
    assert [note.code for note in sheet.notes] == ["cost_never_paid_back"]


def test_a_lease_is_compared_by_the_month() -> None:
    sheet = _sheet(_inputs(purchase_per_card=None, lease_per_card_hour=Decimal(10)))
    assert [sheet.own.purchase, sheet.own.capital] == [0, 58_400]
    assert sheet.break_even_date is None
    assert [note.code for note in sheet.notes] == ["cost_lease_dearer"]
    cheap = _sheet(_inputs(purchase_per_card=None, lease_per_card_hour=Decimal(5)))
    assert [note.code for note in cheap.notes] == ["cost_lease_cheaper"]


def test_more_requests_than_the_cards_answer_are_told() -> None:
    assert "cost_beyond_capacity" in [
        note.code for note in _sheet(_inputs(requests_per_month=90_000_000)).notes
    ]


def test_another_currency_takes_a_rate() -> None:
    yuan = _sheet(BOUGHT)
    dollars = _sheet(_inputs(currency="USD", exchange_rate=Decimal("0.14")))
    assert dollars.api.per_request == yuan.api.per_request * Decimal("0.14")


def test_the_board_power_of_the_catalogue_may_be_replaced() -> None:
    assert _sheet(_inputs(watts_per_card=Decimal(500))).own.kilowatt_hours == 6643


def test_nothing_is_reckoned_for_what_does_not_fit() -> None:
    assert planned("deepseek-r1", "h100-80", 8, precision="fp8", costs=BOUGHT).costs is None


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"purchase_per_card": None}, "purchase_per_card", "purchase_or_lease"),
        ({"lease_per_card_hour": Decimal(10)}, "lease_per_card_hour", "purchase_and_lease"),
        ({"purchase_per_card": Decimal(0)}, "purchase_per_card", "out_of_range"),
        ({"pue": Decimal("0.9")}, "pue", "out_of_range"),
        ({"cache_hit_share": Decimal("1.1")}, "cache_hit_share", "out_of_range"),
        ({"api_model": "deepseek-coder"}, "api_model", "no_api_price"),
        ({"currency": "EUR"}, "exchange_rate", "exchange_rate_missing"),
    ],
)
def test_a_wrong_input_is_named(changes: dict[str, Any], field: str, code: str) -> None:
    with pytest.raises(PlanInputError) as raised:
        planned("deepseek-r1", "h200", 8, costs=_inputs(**changes))
    assert (raised.value.field, raised.value.code) == (f"costs.{field}", code)


def test_power_that_no_source_tells_is_asked_for() -> None:
    with pytest.raises(PlanInputError) as raised:
        planned("deepseek-r1", "ascend-a3", 16, context_tokens=16384, costs=BOUGHT)
    assert (raised.value.field, raised.value.code) == ("costs.watts_per_card", "power_unknown")


def test_a_model_without_a_price_is_compared_with_a_named_one() -> None:
    distill = "deepseek-r1-distill-qwen-32b"
    with pytest.raises(PlanInputError) as raised:
        planned(distill, "h200", 8, costs=BOUGHT)
    assert raised.value.code == "no_api_price"
    assert raised.value.values["known"] == "deepseek-chat, deepseek-reasoner"
    assert _sheet(_inputs(api_model="deepseek-chat"), distill).api.model.name == "deepseek-chat"


shares = some.decimals(0, 1, places=2)


@settings(max_examples=20, deadline=None)
@given(shares, shares, some.integers(0, 50_000_000), some.integers(0, 50_000_000))
def test_what_makes_the_api_cheaper_delays_the_break_even(
    hits: Decimal, nights: Decimal, requests: int, more: int
) -> None:
    few = _sheet(_inputs(cache_hit_share=hits, off_peak_share=nights, requests_per_month=requests))
    many = _sheet(_inputs(cache_hit_share=hits, off_peak_share=nights, requests_per_month=requests + more))
    assert many.api.total >= few.api.total
    if few.break_even_months is not None:
        assert many.break_even_months is not None
        assert many.break_even_months <= few.break_even_months
    full_price = _sheet(_inputs(cache_hit_share=Decimal(0), off_peak_share=Decimal(0)))
    assert few.api.per_request <= full_price.api.per_request

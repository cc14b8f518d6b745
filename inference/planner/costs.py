"""What it costs to run a plan, against what an API asks for the same tokens.

A month has 730 hours. Power is counted at the most that the cards take, all the time, which is more than they will.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from inference.planner.candidates import BUSY, Candidate
from inference.planner.errors import PlanInputError
from inference.planner.layout import Hardware
from inference.planner.notes import Note
from inference.planner.request import CostInputs, PlanRequest, Workload
from inference.prices import PER_TOKENS, PriceBook, PricedModel, price_of, priced

HOURS = Decimal(730)
_DAYS = HOURS / 24
_CENT = Decimal("0.01")
# No price of a card is known here: the limits only catch slips of the keyboard.
_MOST_MONEY = Decimal(10) ** 10
COST_LIMITS: dict[str, tuple[Decimal, Decimal]] = {
    "purchase_per_card": (Decimal(1), _MOST_MONEY),
    "lease_per_card_hour": (_CENT, _MOST_MONEY),
    "amortisation_months": (Decimal(1), Decimal(120)),
    "running_per_month": (Decimal(0), _MOST_MONEY),
    "power_price_kwh": (Decimal(0), Decimal(1000)),
    "pue": (Decimal(1), Decimal(3)),
    "watts_per_card": (Decimal(1), Decimal(5000)),
    "watts_per_node": (Decimal(0), Decimal(20000)),
    "requests_per_month": (Decimal(0), Decimal(10) ** 10),
    "cache_hit_share": (Decimal(0), Decimal(1)),
    "off_peak_share": (Decimal(0), Decimal(1)),
    "exchange_rate": (Decimal("0.0001"), Decimal(100_000)),
}


@dataclass(frozen=True, slots=True)
class OwnCosts:
    """Of a month. ``capital`` is the purchase's share of it, or the lease."""

    purchase: Decimal
    capital: Decimal
    power: Decimal
    kilowatt_hours: Decimal
    running: Decimal

    @property
    def total(self) -> Decimal:
        """All of them."""
        return self.capital + self.power + self.running


@dataclass(frozen=True, slots=True)
class ApiCosts:
    """Of a month, in the sheet's currency. ``per_request`` is unrounded."""

    book: PriceBook
    model: PricedModel
    input_hit: Decimal
    input_miss: Decimal
    output: Decimal
    per_request: Decimal

    @property
    def total(self) -> Decimal:
        """All of them."""
        return self.input_hit + self.input_miss + self.output


@dataclass(frozen=True, slots=True)
class CostSheet:
    """Money to the cent, in ``currency``.

    ``break_even_requests`` a month cost the same on both sides. A purchase is paid back after ``break_even_months`` of what the
    API would have cost more than power and running; both None when it never is, the date also without a ``start``.
    """

    currency: str
    requests: int
    own: OwnCosts
    api: ApiCosts
    break_even_requests: int
    break_even_months: Decimal | None
    break_even_date: date | None
    notes: tuple[Note, ...]


def cost_sheet(
    *, inputs: CostInputs, request: PlanRequest, hardware: Hardware, chosen: Candidate
) -> CostSheet:
    """The sheet. Raises ``PlanInputError`` as ``checked_costs`` does."""
    book, api_model, rate = checked_costs(inputs=inputs, model_id=request.model, hardware=hardware)
    own = _own(inputs, hardware)
    api = _api(inputs, request.workload, book, api_model, rate)
    months = _months(inputs, own, api)
    return CostSheet(
        currency=inputs.currency,
        requests=inputs.requests_per_month,
        own=own,
        api=api,
        break_even_requests=int((own.total / api.per_request).to_integral_value(ROUND_CEILING)),
        break_even_months=months,
        break_even_date=_date(inputs, months),
        notes=tuple(_notes(inputs, request.workload, own, api, months, chosen)),
    )


def checked_costs(
    *, inputs: CostInputs, model_id: str, hardware: Hardware
) -> tuple[PriceBook, PricedModel, Decimal]:
    """The price to compare with and its exchange rate. Raises ``PlanInputError`` naming the field as ``costs.…``."""
    for field, (low, high) in COST_LIMITS.items():
        value = getattr(inputs, field)
        if value is not None and not low <= value <= high:
            raise PlanInputError("out_of_range", field=f"costs.{field}", low=float(low), high=float(high))
    if inputs.purchase_per_card is None and inputs.lease_per_card_hour is None:
        raise PlanInputError("purchase_or_lease", field="costs.purchase_per_card")
    if inputs.purchase_per_card is not None and inputs.lease_per_card_hour is not None:
        raise PlanInputError("purchase_and_lease", field="costs.lease_per_card_hour")
    card = hardware.accelerator
    if inputs.power_price_kwh and inputs.watts_per_card is None and card.power is None:
        raise PlanInputError("power_unknown", field="costs.watts_per_card", accelerator=card.name)
    found = price_of(serves=model_id, name=inputs.api_model)
    if found is None:
        raise PlanInputError("no_api_price", field="costs.api_model", known=", ".join(priced()))
    book, api_model = found
    if inputs.currency == book.currency:
        return book, api_model, Decimal(1)
    if inputs.exchange_rate is None:
        raise PlanInputError(
            "exchange_rate_missing",
            field="costs.exchange_rate",
            currency=inputs.currency,
            other=book.currency,
        )
    return book, api_model, inputs.exchange_rate


def _own(inputs: CostInputs, hardware: Hardware) -> OwnCosts:
    cards = hardware.cards
    purchase = (inputs.purchase_per_card or Decimal(0)) * cards
    lease = (inputs.lease_per_card_hour or Decimal(0)) * cards * HOURS
    board = hardware.accelerator.power
    watts = inputs.watts_per_card or Decimal(str(board.watts if board else 0))
    energy = (watts * cards + inputs.watts_per_node * hardware.nodes) * inputs.pue * HOURS / 1000
    return OwnCosts(
        purchase=_cents(purchase),
        capital=_cents(purchase / inputs.amortisation_months + lease),
        power=_cents(energy * inputs.power_price_kwh),
        kilowatt_hours=energy.quantize(Decimal(1), ROUND_HALF_UP),
        running=_cents(inputs.running_per_month),
    )


def _api(
    inputs: CostInputs, work: Workload, book: PriceBook, api_model: PricedModel, rate: Decimal
) -> ApiCosts:
    hit = inputs.cache_hit_share * work.prompt_tokens
    miss = work.prompt_tokens - hit
    parts = (
        hit * _price(inputs, api_model, "input_hit"),
        miss * _price(inputs, api_model, "input_miss"),
        work.answer_tokens * _price(inputs, api_model, "output"),
    )
    hit_cost, miss_cost, output_cost = (part * rate / PER_TOKENS for part in parts)
    return ApiCosts(
        book=book,
        model=api_model,
        input_hit=_cents(hit_cost * inputs.requests_per_month),
        input_miss=_cents(miss_cost * inputs.requests_per_month),
        output=_cents(output_cost * inputs.requests_per_month),
        per_request=hit_cost + miss_cost + output_cost,
    )


def _price(inputs: CostInputs, api_model: PricedModel, kind: str) -> Decimal:
    """The average over the hours at which requests come."""
    cheap, standard = api_model.cheapest, api_model.standard.rates
    share = inputs.off_peak_share
    price: Decimal = share * getattr(cheap, kind) + (1 - share) * getattr(standard, kind)
    return price


def _months(inputs: CostInputs, own: OwnCosts, api: ApiCosts) -> Decimal | None:
    saved = api.total - own.power - own.running
    if inputs.purchase_per_card is None or saved <= 0:
        return None
    return (own.purchase / saved).quantize(Decimal("0.1"), ROUND_CEILING)


def _date(inputs: CostInputs, months: Decimal | None) -> date | None:
    """None as well where the calendar ends."""
    if months is None or inputs.start is None:
        return None
    days = int((months * _DAYS).to_integral_value(ROUND_CEILING))
    left = (date.max - inputs.start).days
    return inputs.start + timedelta(days=days) if days <= left else None


def _notes(
    inputs: CostInputs,
    work: Workload,
    own: OwnCosts,
    api: ApiCosts,
    months: Decimal | None,
    chosen: Candidate,
) -> Iterator[Note]:
    if inputs.purchase_per_card is not None:
        if months is None:
            yield Note("cost_never_paid_back")
        elif months > inputs.amortisation_months:
            values = {"months": float(months), "amortisation": inputs.amortisation_months}
            yield Note("cost_paid_back_late", values)
        else:
            yield Note("cost_paid_back", {"months": float(months)})
    else:
        yield Note("cost_lease_cheaper" if own.total < api.total else "cost_lease_dearer")
    rate = inputs.requests_per_month / float(HOURS * 3600)
    share = rate * (work.prompt_tokens / chosen.prefill.total + work.answer_tokens / chosen.decode.total)
    if share > BUSY:
        yield Note("cost_beyond_capacity", {"percent": round(share * 100, 1)})


def _cents(value: Decimal) -> Decimal:
    return value.quantize(_CENT, ROUND_HALF_UP)

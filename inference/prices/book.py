"""What a price book holds, and which of its prices is the one of a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from inference.catalogue import find
from inference.catalogue.parts import Key, Source, Table, Text
from inference.prices.windows import Window, minute_of_week

PER_TOKENS = 1_000_000
STANDARD = "standard"

# With six decimals for a million tokens, the cost of a request is exact with twelve.
_PRICE_STEP = Decimal("0.000001")
_FACTORS = ("input_hit", "input_miss", "output")

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Name = Annotated[Text, StringConstraints(max_length=100)]
# A day, or a minute of it, in the book's zone.
Moment = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(T([01]\d|2[0-3]):[0-5]\d)?$"),
]


def _exact(value: object) -> object:
    """Prices are strings in the file: TOML's numbers are binary fractions."""
    if isinstance(value, str):
        try:
            return Decimal(value)
        except InvalidOperation as error:
            raise ValueError("not a number") from error
    if isinstance(value, int | float):
        raise ValueError('write the number in quotes: "0.5"')
    return value


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("no such time zone; write one like Asia/Shanghai") from error
    return name


def _real_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Amount = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0, le=100_000, max_digits=12, decimal_places=6)]
Zone = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=64),
    AfterValidator(_known_zone),
]
RealMoment = Annotated[Moment, AfterValidator(_real_moment)]


@dataclass(frozen=True, slots=True)
class Rates:
    """For a million tokens: of the prompt that were found in the cache, of the others, and of the answer."""

    input_hit: Decimal
    input_miss: Decimal
    output: Decimal

    def times(self, factor: Decimal) -> Rates:
        """Each with the factor, to a millionth."""
        values = (getattr(self, name) * factor for name in _FACTORS)
        return Rates(*(value.quantize(_PRICE_STEP, ROUND_HALF_UP) for value in values))


@dataclass(frozen=True, slots=True)
class Price:
    """The one that holds at a moment. ``rule`` names where it stands: book, model and window."""

    currency: str
    rates: Rates
    rule: str

    def cost(self, *, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> Decimal:
        """In ``currency``, exact. ``cached_tokens`` are part of the prompt's; reasoning is part of the completion."""
        hit = min(cached_tokens, prompt_tokens)
        whole = (
            hit * self.rates.input_hit
            + (prompt_tokens - hit) * self.rates.input_miss
            + completion_tokens * self.rates.output
        )
        return whole / PER_TOKENS


class Prices(Table):
    """For a million tokens."""

    input_hit: Amount
    input_miss: Amount
    output: Amount
    source: Text | None = None

    @property
    def rates(self) -> Rates:
        """The numbers alone."""
        return Rates(self.input_hit, self.input_miss, self.output)


class WindowPrices(Table):
    """Prices of their own, or a factor of the standard ones."""

    factor: Amount | None = None
    input_hit: Amount | None = None
    input_miss: Amount | None = None
    output: Amount | None = None
    source: Text | None = None

    @model_validator(mode="after")
    def _either(self) -> WindowPrices:
        given = [getattr(self, name) is not None for name in _FACTORS]
        if all(given) if self.factor is None else not any(given):
            return self
        raise ValueError("give input_hit, input_miss and output, or factor alone")

    def rates(self, *, standard: Rates) -> Rates:
        """The numbers, worked out."""
        if self.factor is not None:
            return standard.times(self.factor)
        assert self.input_hit is not None and self.input_miss is not None and self.output is not None  # noqa: S101, PT018
        return Rates(self.input_hit, self.input_miss, self.output)


class PricedModel(Table):
    """``name`` is the API's, or that of a deployment; ``serves`` are the models of the catalogue that it answers with;
    ``deployments`` are other names that cost the same."""

    name: Name
    serves: tuple[Key, ...] = ()
    deployments: tuple[Name, ...] = ()
    standard: Prices
    windows: dict[Key, WindowPrices] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All that it is found by."""
        return tuple(dict.fromkeys((self.name, *self.serves, *self.deployments)))

    @cached_property
    def rates(self) -> dict[str, Rates]:
        """By window; ``standard`` is all the other time."""
        standard = self.standard.rates
        special = {key: each.rates(standard=standard) for key, each in self.windows.items()}
        return {STANDARD: standard, **special}

    @property
    def cheapest(self) -> Rates:
        """Those of the hours at which it costs least."""
        return min(self.rates.values(), key=lambda rates: rates.output + rates.input_miss + rates.input_hit)


class PriceBook(Table):
    """What is asked from ``since`` until before ``until``, both in ``zone`` as the windows' hours are."""

    id: Annotated[Key, StringConstraints(max_length=64)]
    name: Name
    since: RealMoment
    until: RealMoment | None = None
    zone: Zone
    currency: Currency
    source: Text | None = None
    windows: Annotated[tuple[Window, ...], Field(max_length=20)] = ()
    models: Annotated[tuple[PricedModel, ...], Field(min_length=1, max_length=1000)]
    sources: dict[Key, Source] = {}

    @property
    def starts_at(self) -> datetime:
        """The moment of ``since``, in UTC."""
        return self._moment(self.since)

    @property
    def ends_at(self) -> datetime | None:
        """The moment of ``until``, in UTC."""
        return self._moment(self.until) if self.until else None

    def model(self, name: str) -> PricedModel | None:
        """The one with that name, among all that it is found by, or which serves what the catalogue knows under it."""
        if name in self._by_name:
            return self._by_name[name]
        known = find(name=name)
        return self._by_name.get(known.entry.id) if known else None

    def price_at(self, *, model: str, at: datetime) -> Price | None:
        """The one price of an aware moment; None outside of the book's time, or for a model that it does not know."""
        end = self.ends_at
        if at < self.starts_at or (end is not None and at >= end):
            return None
        return self.price_within(model=model, at=at)

    def price_within(self, *, model: str, at: datetime) -> Price | None:
        """As ``price_at``, whenever the book holds."""
        found = self.model(model)
        if found is None:
            return None
        minute = minute_of_week(at.astimezone(ZoneInfo(self.zone)))
        window = next((key for key in found.windows if minute in self._minutes[key]), STANDARD)
        return Price(self.currency, found.rates[window], f"{self.id}/{found.name}/{window}")

    def problems(self) -> Iterator[str]:
        """What no single table shows."""
        ids = [window.id for window in self.windows]
        yield from (f"windows: {key} is there twice" for key in dict.fromkeys(ids) if ids.count(key) > 1)
        if STANDARD in ids:
            yield f"windows: {STANDARD} is the name of all the other time"
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            yield "until: it is not after since"
        names: dict[str, str] = {}
        for index, each in enumerate(self.models):
            yield from self._overlapping(each)
            for name in each.names:
                if name in names:
                    yield f"models[{index}]: {name} has a price already, that of {names[name]}"
                names.setdefault(name, each.name)

    def _overlapping(self, model: PricedModel) -> Iterator[str]:
        """Of a minute that two windows hold nobody could tell the price."""
        taken: dict[int, str] = {}
        for key in model.windows:
            if key not in self._minutes:
                yield f"models.{model.name}.windows.{key}: there is no window of that id"
                continue
            for other in dict.fromkeys(taken[minute] for minute in self._minutes[key] if minute in taken):
                yield f"models.{model.name}.windows.{key}: it overlaps with {other}"
            taken |= dict.fromkeys(self._minutes[key], key)

    @cached_property
    def _minutes(self) -> dict[str, frozenset[int]]:
        return {window.id: window.minutes for window in self.windows}

    @cached_property
    def _by_name(self) -> dict[str, PricedModel]:
        return {name: each for each in self.models for name in each.names}

    def _moment(self, text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)

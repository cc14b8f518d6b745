"""Price books: each moment has one price, windows are half open, and a book that leaves a doubt is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from inference.catalogue import CatalogueError
from inference.prices import EXAMPLE_FILE, PriceBook, price_books, read_book

BEIJING = ZoneInfo("Asia/Shanghai")
HEAD = """
id = "own"
name = "Own prices"
since = "2026-01-01"
zone = "{zone}"
currency = "CNY"
"""
WEEK = """
[[windows]]
id = "night"
start = "22:30"
end = "06:00"
days = ["mon", "tue", "wed", "thu", "fri"]

[[windows]]
id = "weekend"
start = "06:00"
end = "24:00"
days = ["sun"]

[[models]]
name = "r1"
serves = ["deepseek-r1"]
deployments = ["R1 of the bank"]
standard = { input_hit = "1", input_miss = "4", output = "16" }
windows.night = { factor = "0.5" }
windows.weekend = { input_hit = "0.1", input_miss = "0.2", output = "0.3" }
"""


@cache
def own(*, zone: str = "Asia/Shanghai", rest: str = WEEK) -> PriceBook:
    return read_book(content=HEAD.format(zone=zone) + rest, name="own.toml")


def problems(rest: str, head: str = HEAD) -> list[str]:
    with pytest.raises(CatalogueError) as raised:
        read_book(content=head.format(zone="Asia/Shanghai") + rest, name="own.toml")
    return [each.removeprefix("own.toml: ") for each in raised.value.problems]


def window_at(book: PriceBook, at: datetime, model: str = "r1") -> str:
    price = book.price_at(model=model, at=at)
    assert price is not None
    return price.rule.rsplit("/", 1)[1]


@pytest.mark.parametrize(
    ("clock", "window"),
    [("00:29", "standard"), ("00:30", "off-peak"), ("08:29", "off-peak"), ("08:30", "standard")],
)
def test_the_example_is_off_peak_from_half_past_midnight_until_half_past_eight_in_beijing(
    clock: str, window: str
) -> None:
    (book,) = price_books()
    local = datetime.fromisoformat(f"2025-03-09T{clock}:59").replace(tzinfo=BEIJING)
    for name in ("deepseek-reasoner", "deepseek-r1"):
        price = book.price_at(model=name, at=local.astimezone(UTC))
        assert price is not None
        assert price.rule == f"deepseek-2025-02/deepseek-reasoner/{window}"
        assert price.rates.output == (Decimal(16) if window == "standard" else Decimal(4))


def test_the_examples_book_holds_from_its_first_minute_until_before_its_last() -> None:
    (book,) = price_books()
    moments = (
        ("2025-02-25T15:59:59Z", False),
        ("2025-02-25T16:00:00Z", True),
        ("2025-09-05T15:59:59Z", True),
        ("2025-09-05T16:00:00Z", False),
    )
    for text, holds in moments:
        found = book.price_at(model="deepseek-v3", at=datetime.fromisoformat(text))
        assert (found is not None) == holds, text


def test_a_deployment_costs_what_its_model_does() -> None:
    (book,) = price_books()
    for name, costs_as in (
        ("deepseek-v3", "deepseek-chat"),
        ("deepseek-ai/DeepSeek-R1", "deepseek-reasoner"),
        ("/models/DeepSeek-R1", "deepseek-reasoner"),
        ("deepseek-r1-distill-qwen-32b", None),
        ("qwen", None),
        ("", None),
    ):
        found = book.model(name)
        assert (found.name if found else None) == costs_as, name


def test_every_number_of_the_example_has_a_source() -> None:
    (book,) = price_books()
    sourced = [book, *book.windows]
    for model in book.models:
        sourced += [model.standard, *model.windows.values()]
    assert all(each.source in book.sources for each in sourced)
    assert EXAMPLE_FILE.is_file()


def test_a_window_over_midnight_belongs_to_the_day_at_which_it_starts() -> None:
    book = own()
    for text, window in (
        ("2026-03-06T22:29", "standard"),  # a Friday
        ("2026-03-06T22:30", "night"),
        ("2026-03-07T05:59", "night"),
        ("2026-03-07T06:00", "standard"),
        ("2026-03-07T23:00", "standard"),
        ("2026-03-08T05:59", "standard"),  # Sunday
        ("2026-03-08T06:00", "weekend"),
        ("2026-03-08T23:59", "weekend"),
        ("2026-03-09T00:00", "standard"),  # Monday: Sunday has no night
        ("2026-03-09T22:30", "night"),
    ):
        assert window_at(book, datetime.fromisoformat(text).replace(tzinfo=BEIJING)) == window, text


def test_a_window_of_sunday_night_goes_on_in_the_new_week() -> None:
    book = own(
        rest=WEEK.replace('["mon", "tue", "wed", "thu", "fri"]', '["sat"]').replace('["sun"]', '["mon"]')
    )
    assert window_at(book, datetime(2026, 3, 8, 5, 59, tzinfo=BEIJING)) == "night"
    late = own(
        rest=WEEK.replace('["mon", "tue", "wed", "thu", "fri"]', '["sun"]').replace(
            '["sun"]\n\n[[models', '["sat"]\n\n[[models'
        )
    )
    assert window_at(late, datetime(2026, 3, 9, 5, 59, tzinfo=BEIJING)) == "night"
    assert window_at(late, datetime(2026, 3, 9, 6, 0, tzinfo=BEIJING)) == "standard"


moments = some.datetimes(
    datetime(2026, 1, 2),  # noqa: DTZ001
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=some.sampled_from([UTC, BEIJING]),
)
zones = some.sampled_from(
    ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]
)


@settings(max_examples=150, deadline=None)
@given(moments, zones)
def test_every_moment_has_one_rule_wherever_clocks_are_changed(at: datetime, zone: str) -> None:
    book = own(zone=zone)
    local = at.astimezone(ZoneInfo(zone))
    minute = local.weekday() * 1440 + local.hour * 60 + local.minute
    holding = [window.id for window in book.windows if minute in window.minutes]
    assert len(holding) <= 1
    assert window_at(book, at) == (holding[0] if holding else "standard")
    assert book.price_at(model="r1", at=at) == book.price_at(model="R1 of the bank", at=at.astimezone(UTC))


@settings(max_examples=50, deadline=None)
@given(moments)
def test_beijing_has_the_same_hours_all_year(at: datetime) -> None:
    book = own()
    first = window_at(book, at)
    assert window_at(book, at + timedelta(weeks=26)) == first


clocks = some.builds(lambda h, m: f"{h:02}:{m:02}", some.integers(0, 23), some.integers(0, 59))


@settings(max_examples=60, deadline=None)
@given(clocks, clocks)
def test_a_window_is_half_open_whatever_its_hours(start: str, end: str) -> None:
    if start == end:
        return
    rest = f"""
    [[windows]]
    id = "w"
    start = "{start}"
    end = "{end}"
    [[models]]
    name = "r1"
    standard = {{ input_hit = "1", input_miss = "4", output = "16" }}
    windows.w = {{ factor = "2" }}
    """
    book = own(rest=rest)
    day = datetime(2026, 6, 10, tzinfo=BEIJING)
    for clock, window in ((start, "w"), (end, "standard")):
        hours, minutes = map(int, clock.split(":"))
        at = day + timedelta(hours=hours, minutes=minutes)
        assert window_at(book, at) == window
        assert window_at(book, at - timedelta(microseconds=1)) != window
    wanted = (int(end[:2]) * 60 + int(end[3:]) - int(start[:2]) * 60 - int(start[3:])) % 1440
    assert len(book.windows[0].minutes) == 7 * wanted


def test_factors_and_costs_are_exact() -> None:
    book = own()
    night = book.price_at(model="deepseek-r1", at=datetime(2026, 3, 3, 23, tzinfo=BEIJING))
    assert night is not None
    assert (night.rates.input_hit, night.rates.input_miss, night.rates.output) == (Decimal("0.5"), 2, 8)
    assert night.cost(prompt_tokens=1000, cached_tokens=400, completion_tokens=1) == Decimal("0.001408")
    # An engine that counts more from its cache than there was is not paid for it.
    assert night.cost(prompt_tokens=10, cached_tokens=99, completion_tokens=0) == Decimal("0.000005")
    assert (night.currency, night.rule) == ("CNY", "own/r1/night")


tokens = some.integers(0, 2**31 - 1)
amounts = some.decimals(0, 100_000, places=6)


@settings(max_examples=50, deadline=None)
@given(amounts, amounts, amounts, tokens, tokens, tokens)
def test_a_cost_fits_its_column_without_rounding(
    hit: Decimal, miss: Decimal, output: Decimal, prompt: int, cached: int, completion: int
) -> None:
    book = own(
        rest=f"""
    [[models]]
    name = "r1"
    standard = {{ input_hit = "{hit}", input_miss = "{miss}", output = "{output}" }}
    """
    )
    price = book.price_at(model="r1", at=datetime(2026, 5, 1, tzinfo=UTC))
    assert price is not None
    cost = price.cost(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=completion)
    assert cost == cost.quantize(Decimal("1e-12"))
    assert 0 <= cost < Decimal(10) ** 12


WEEKDAYS = '["mon", "tue", "wed", "thu", "fri"]'
ALONE = "give input_hit, input_miss and output, or factor alone"
MODEL = '[[models]]\nname = "r1"\nstandard = { input_hit = "1", input_miss = "4", output = "16" }\n'
HOURS = '[[windows]]\nid = "a"\nstart = "20:00"\nend = "08:00"\n[[windows]]\nid = "b"\nstart = "07:59"\nend = "09:00"\n'


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (
            HOURS + MODEL + 'windows.a = { factor = "2" }\nwindows.b = { factor = "3" }',
            "models.r1.windows.b: it overlaps with a",
        ),
        (MODEL + 'windows.a = { factor = "2" }', "models.r1.windows.a: there is no window of that id"),
        (MODEL + MODEL, "models[1]: r1 has a price already, that of r1"),
        (MODEL.replace('"1"', '"-1"'), "models[0].standard.input_hit: Input should be greater than or equal to 0"),
        (MODEL.replace('"1"', "0.5"), 'models[0].standard.input_hit: write the number in quotes: "0.5"'),
        (MODEL.replace('"1"', '"cheap"'), "models[0].standard.input_hit: not a number"),
        (MODEL.replace('"1"', '"NaN"'), "models[0].standard.input_hit: Input should be a finite number"),
        (MODEL + 'source = "page"', "models[0].source: not a known key"),
        (MODEL + 'standard.source = "page"', "not TOML"),
        (HOURS.replace('id = "b"', 'id = "a"') + MODEL, "windows: a is there twice"),
        (HOURS.replace('"08:00"', '"20:00"') + MODEL, "windows[0]: start and end are the same; a whole day"),
        (HOURS + MODEL + 'windows.a = { factor = "2", output = "1" }', f"models[0].windows.a: {ALONE}"),
        (HOURS + MODEL + 'windows.a = { output = "1" }', f"models[0].windows.a: {ALONE}"),
        ("", "models: missing"),
    ],
)  # fmt: skip
def test_a_book_that_leaves_a_doubt_is_refused(rest: str, said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(rest)), problems(rest)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{zone}", "Asia/Nowhere", "zone: no such time zone; write one like Asia/Shanghai"),
        ("{zone}", "Asia", "zone: no such time zone; write one like Asia/Shanghai"),
        ("{zone}", "../../etc/passwd", "zone: "),
        ('since = "2026-01-01"', 'since = "2026-02-30"', "since: "),
        (
            'since = "2026-01-01"',
            'since = "2026-01-02"\nuntil = "2026-01-02"',
            "until: it is not after since",
        ),
        ('"CNY"', '"yuan"', "currency: "),
    ],
)
def test_the_head_of_a_book_is_checked(old: str, new: str, said: str) -> None:
    assert any(problem.startswith(said) for problem in problems(MODEL, HEAD.replace(old, new)))


def test_nonsense_is_no_book() -> None:
    for text in ("\x00", "x" * 300_000, "[" * 5000, "id = 7"):
        with pytest.raises(CatalogueError):
            read_book(content=text, name="x")

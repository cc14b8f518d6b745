"""Charts as SVG, drawn on the server: no script, right in print and in the dark, and each with its figures as a table.

Coordinates are in the units of the drawing's view box, which the browser scales.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10

WIDTH, HEIGHT = 560.0, 200.0
# Of a chart that has the page's whole width: drawn wider, and not larger.
WHOLE_WIDTH = 1120.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 8.0, 10.0, 24.0
_TICKS = 4
# Each divides into whole quarters from 40 on.
_STEPS = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 6.0, 8.0, 10.0)
_BAR_SHARE, _WIDEST_BAR = 0.68, 48.0
_MOST_LABELS = 10
_LETTER, _WIDE_LETTER, _GAP = 6.2, 11.0, 12.0
_FEW = 40


@dataclass(frozen=True, slots=True)
class Series:
    """`tone` 1 to 5 names a colour of the style sheet; a missing value is None."""

    name: str
    values: Sequence[float | None]
    tone: int = 1


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    tone: int
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    points: str
    tone: int
    dots: Sequence[tuple[float, float, str]]


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    title: str
    labels: Sequence[str]
    series: Sequence[Series]
    bars: Sequence[Bar]
    lines: Sequence[Line]
    grid: Sequence[Tick]
    axis: Sequence[Tick]
    unit: str = ""
    width: float = WIDTH

    @property
    def right(self) -> float:
        return self.width - _RIGHT

    @property
    def is_wide(self) -> bool:
        return self.width > WIDTH

    @property
    def is_empty(self) -> bool:
        return not any(value for series in self.series for value in series.values)

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """The figures as a table: a row for each label."""
        return [
            (label, [_figure(series.values[place]) for series in self.series])
            for place, label in enumerate(self.labels)
        ]


def bar_chart(
    *, title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "", width: float = WIDTH
) -> Chart:
    """Stacked: the height of a column is the sum of its series."""
    sums = [sum(one.values[place] or 0 for one in series) for place in range(len(labels))]
    scale = _Scale(top=_nice_top(max(sums, default=0)), count=len(labels), width=width)
    bars: list[Bar] = []
    for place, label in enumerate(labels):
        reached = 0.0
        for one in series:
            value = one.values[place] or 0
            if not value:
                continue
            low, high = scale.y(reached), scale.y(reached + value)
            text = f"{label} · {one.name}: {_figure(value)}{unit}"
            bars.append(Bar(scale.left(place), high, scale.bar, round(low - high, 2), one.tone, text))
            reached += value
    return _chart(title, labels, series, scale, unit, bars=bars)


def line_chart(*, title: str, labels: Sequence[str], series: Sequence[Series], unit: str = "") -> Chart:
    """A gap where a value is missing."""
    top = max((value for one in series for value in one.values if value is not None), default=0)
    scale = _Scale(top=_nice_top(top), count=len(labels))
    lines = [line for one in series for line in _lines(one, labels, scale, unit)]
    return _chart(title, labels, series, scale, unit, lines=lines)


@dataclass(frozen=True, slots=True)
class _Scale:
    top: float
    count: int
    width: float = WIDTH

    @property
    def step(self) -> float:
        return (self.width - _LEFT - _RIGHT) / max(1, self.count)

    @property
    def bar(self) -> float:
        return round(min(self.step * _BAR_SHARE, _WIDEST_BAR), 2)

    def left(self, place: int) -> float:
        return round(_LEFT + self.step * (place + 0.5) - self.bar / 2, 2)

    def middle(self, place: int) -> float:
        return round(_LEFT + self.step * (place + 0.5), 2)

    def y(self, value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _TOP - _BOTTOM), 2)


def _chart(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    scale: _Scale,
    unit: str,
    *,
    bars: Sequence[Bar] = (),
    lines: Sequence[Line] = (),
) -> Chart:
    every = ceil(len(labels) / _MOST_LABELS) or 1
    values = [scale.top * n / _TICKS for n in range(_TICKS + 1)]
    return Chart(
        title=title,
        labels=labels,
        series=series,
        bars=bars,
        lines=lines,
        grid=[Tick(scale.y(value), _duration(value) if unit == " ms" else _short(value)) for value in values],
        axis=[
            Tick(scale.middle(place), _fitting(label, every * scale.step - _GAP))
            for place, label in enumerate(labels)
            if place % every == 0
        ],
        unit=unit,
        width=scale.width,
    )


def _fitting(label: str, room: float) -> str:
    """Cut off where it would run into the next one; the bar's own title has it whole."""
    used = 0.0
    for place, letter in enumerate(label):
        used += _LETTER if letter.isascii() else _WIDE_LETTER
        if used > room:
            return label[: max(1, place - 1)].rstrip() + "…"
    return label


def _lines(series: Series, labels: Sequence[str], scale: _Scale, unit: str) -> list[Line]:
    pieces: list[list[tuple[float, float, str]]] = [[]]
    for place, value in enumerate(series.values):
        if value is None:
            pieces.append([])
        else:
            text = f"{labels[place]} · {series.name}: {_figure(value)}{unit}"
            pieces[-1].append((scale.middle(place), scale.y(value), text))
    return [
        Line(" ".join(f"{x},{y}" for x, y, _text in piece), series.tone, piece) for piece in pieces if piece
    ]


def _nice_top(highest: float) -> float:
    """The next number above that divides well: small counts into whole numbers."""
    if highest < _FEW and float(highest).is_integer():
        return float(max(1, ceil(highest / _TICKS)) * _TICKS)
    power = 10.0 ** floor(log10(highest))
    return next(step * power for step in _STEPS if step * power >= highest)


def _figure(value: float | None) -> str:
    """A part of something small tells more places than one of many."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{Decimal(f'{value:.3g}'):f}"


def _duration(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms" if value else "0"


def _short(value: float) -> str:
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{mark}"
    return f"{Decimal(f'{value:g}'):f}"

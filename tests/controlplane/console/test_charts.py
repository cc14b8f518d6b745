"""Where bars and lines stand: the drawing must say what the figures say."""

import pytest

from controlplane.console.charts import HEIGHT, Series, bar_chart, line_chart


def test_columns_are_stacked_and_proportional() -> None:
    chart = bar_chart(
        title="t", labels=["1", "2"], series=[Series("a", [10, 20]), Series("b", [30, 0], tone=2)]
    )
    first, above, second = chart.bars
    assert (first.tone, above.tone, second.tone) == (1, 2, 1)
    assert above.height == pytest.approx(3 * first.height, abs=0.05)
    assert second.height == pytest.approx(2 * first.height, abs=0.05)
    assert above.y + above.height == pytest.approx(first.y, abs=0.05)
    assert first.y + first.height == pytest.approx(HEIGHT - 24)
    assert above.title == "1 · b: 30"
    assert chart.grid[-1].label == "40"


def test_a_missing_value_is_a_gap_and_a_dash() -> None:
    chart = line_chart(title="t", labels=list("abcd"), series=[Series("s", [1.5, None, 2, 3])])
    assert [len(line.dots) for line in chart.lines] == [1, 2]
    assert [figures for _label, figures in chart.rows] == [["1.5"], ["–"], ["2"], ["3"]]


def test_nothing_is_empty_and_draws_no_bar() -> None:
    chart = bar_chart(title="t", labels=["1"], series=[Series("a", [0])])
    assert chart.is_empty
    assert chart.bars == []


@pytest.mark.parametrize(
    ("highest", "top"), [(1, "4"), (7, "8"), (23, "24"), (46, "60"), (260, "300"), (1_250_000, "1.6M")]
)
def test_the_axis_ends_at_a_round_number(highest: float, top: str) -> None:
    chart = bar_chart(title="t", labels=["1"], series=[Series("a", [highest])])
    assert chart.grid[-1].label == top


def test_labels_do_not_crowd() -> None:
    chart = bar_chart(title="t", labels=[str(n) for n in range(30)], series=[Series("a", [1] * 30)])
    assert len(chart.axis) == 10


def test_counts_have_whole_numbers_at_their_lines() -> None:
    for highest in range(1, 400):
        chart = bar_chart(title="t", labels=["1"], series=[Series("a", [highest])])
        assert not [tick.label for tick in chart.grid if "." in tick.label], highest


def test_a_lonely_bar_is_no_wall() -> None:
    chart = bar_chart(title="t", labels=["1"], series=[Series("a", [3])])
    [bar] = chart.bars
    assert bar.width <= 48
    assert bar.x + bar.width / 2 == pytest.approx(chart.axis[0].at, abs=0.05)


def test_times_are_told_in_seconds() -> None:
    chart = line_chart(title="t", labels=["1"], series=[Series("a", [3100])], unit=" ms")
    assert [tick.label for tick in chart.grid] == ["0", "1 s", "2 s", "3 s", "4 s"]


def test_long_labels_do_not_run_into_each_other() -> None:
    names = ["Resident services assistant", "金融制度助手", "渠源能源运行与检修规程问答助手"]
    chart = bar_chart(title="t", labels=names, series=[Series("a", [1, 2, 3])], width=360)
    assert [tick.label for tick in chart.axis] == ["Resident serv…", "金融制度助手", "渠源能源运行与…"]

import pytest

from rag.answering.periods import PeriodEnd, other_period, period_ends
from rag.answering.source import Source
from rag.answering.support import SupportChecker

REPORT = Source(
    1,
    "2025年第三季度报告",
    "项目\t2025年9月末\t2025年6月末\t2024年末\n不良贷款率\t1.24%\t1.27%\t1.31%\n拨备覆盖率\t286.35%\t281.90%\t272.48%",
)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("2025年末", {(2025, 12)}),
        ("2025 年底", {(2025, 12)}),
        ("2025年9月末与2025年6月30日", {(2025, 9), (2025, 6)}),
        ("2025年三季度末", {(2025, 9)}),
        ("第4季度末", {(None, 12)}),
        ("年末前报送", {(None, 12)}),
        ("比上年末增长", set()),
        ("2025年全年，前三季度，9月15日", set()),
        ("周末和月末", set()),
        ("at 30 September 2025 and at year-end 2024", {(2025, 9), (2024, 12)}),
        ("December 31, 2025", {(2025, 12)}),
        ("by the end of 2025", {(2025, 12)}),
        ("the end of the year 2025", {(2025, 12)}),
        ("the 2025 year", set()),
    ],
)
def test_the_ends_that_a_text_names(text: str, ends: set[tuple[int | None, int]]) -> None:
    assert {(end.year, end.month) for end in period_ends(text)} == ends


def test_another_end_of_a_year_that_is_known_is_not_that_one() -> None:
    september, december = PeriodEnd(2025, 9), PeriodEnd(2025, 12)
    assert other_period({december}, known={september}) == december
    assert other_period({december}, known={september, december}) is None
    assert other_period({december}, known={PeriodEnd(2024, 6)}) is None  # of that year nothing is known
    assert other_period({december}, known={PeriodEnd(None, 12), september}) is None
    assert other_period({december, september}, known={september}) is None  # compares


@pytest.mark.parametrize(
    ("period", "figure", "kept"),
    [
        ("2025年末", "272.48%", False),
        ("2025年末", "286.35%", False),
        ("2024年末", "272.48%", True),
        ("2025年9月末", "286.35%", True),
        ("2025年三季度末", "286.35%", True),
    ],
)
def test_a_figure_of_september_is_none_of_december(period: str, figure: str, kept: bool) -> None:
    checker = SupportChecker(question=f"{period}全行的拨备覆盖率是多少？", sources=[REPORT])
    sentence = f"{period}全行的拨备覆盖率是{figure}"
    assert checker.support(sentence=sentence, numbers=[1]).keeps is kept

"""Passages as pages show them: tables as tables, terms marked, nothing of a text as markup."""

import pytest
from django.template.loader import render_to_string

from controlplane.console.passages import parts_of

TABLE = "| 等级 | 频率 |\n| 高 | 每6个月 |\n| 低 | 每24个月 |"


def shown(text: str, *terms: str) -> str:
    return render_to_string("console/parts/passage.html", {"parts": parts_of(text=text, terms=terms)})


def test_rows_of_cells_are_a_table_among_the_lines() -> None:
    assert shown(f"如下：\n{TABLE}\n完。") == (
        '如下：<div class="table" tabindex="0"><table><thead><tr><th>等级</th><th>频率</th></tr></thead>'
        "<tbody><tr><td>高</td><td>每6个月</td></tr><tr><td>低</td><td>每24个月</td></tr></tbody></table></div>完。"
    )


def test_terms_are_marked_in_lines_and_in_cells() -> None:
    page = shown(f"频率见表\n{TABLE}", "频率", "高")
    assert "<mark>频率</mark>见表" in page
    assert "<th><mark>频率</mark></th>" in page
    assert "<td><mark>高</mark></td>" in page


@pytest.mark.parametrize(
    "text",
    [
        "| 一 | 二 |",
        "| 一 | 二 |\n| 一 | 二 | 三 |",
        "a | b\nc | d",
        "|a|\n|b|",
        "",
        "一\n\n二",
    ],
)
def test_what_is_no_table_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_tables_of_other_widths_are_other_tables() -> None:
    assert shown(f"{TABLE}\n| a | b | c |\n| d | e | f |").count("<table>") == 2


def test_no_cell_becomes_markup() -> None:
    page = shown("| <b>x</b> | y |\n| <img src=x> | \"'& |", "img")
    assert "<b>" not in page
    assert "<img" not in page
    assert "&lt;<mark>img</mark> src=x&gt;" in page

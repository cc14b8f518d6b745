import re
import time
from pathlib import Path

import pytest

import rag
from rag.text import index_terms, query_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("主变压器油温超过85℃", ["主", "变压", "变压器", "油温", "超过", "85", "85°c"]),
        ("压力为0.6MPa的阀门A-102", ["压力", "0.6", "0.6mpa", "阀门", "a-102"]),
        ("余额2,172,360元", ["余额", "2172360", "元"]),
        ("GB/T 19001-2016", ["gb", "t", "19001-2016"]),
        ("110kV套管", ["110", "110kv", "套管"]),
        ("The company's policies on pumps", ["company", "policy", "pump"]),
        ("SF6气体", ["sf6", "气体"]),
        ("抵押率70%", ["抵押", "率", "70", "70%"]),
        ("不良贷款", ["不良", "贷款", "不良贷款"]),
    ],
)
def test_terms(text: str, terms: list[str]):
    assert index_terms(text=text) == terms


@pytest.mark.parametrize("written", ["第十二条", "第12条", "第 12 条", "第１２条"])
def test_a_clause_is_one_term_however_its_number_is_written(written: str):
    assert index_terms(text=f"按照{written}规定") == ["第12条", "规定"]


@pytest.mark.parametrize(
    ("digits", "number"),
    [("一百零二", 102), ("二十", 20), ("十", 10), ("一千二百", 1200), ("二〇二五", 2025)],
)
def test_chinese_numbers_of_clauses(digits: str, number: int):
    assert index_terms(text=f"第{digits}条") == [f"第{number}条"]


def test_a_question_names_each_term_once():
    assert query_terms(text="油温，油温 OIL oil") == ["油温", "oil"]


def test_words_that_say_nothing_are_no_terms():
    assert query_terms(text="这是什么？请问 what is the") == []


@pytest.mark.parametrize("text", ["", "  \n", "？！…", "\x00\u200b", "😀"])
def test_text_without_words(text: str):
    assert index_terms(text=text) == []


def test_an_endless_word_is_cut():
    assert index_terms(text="x" * 10_000) == ["x" * 64]


def test_passage_and_question_agree_on_full_width_and_case():
    assert index_terms(text="ＳＦ６ 压力ＬＷ－252") == query_terms(text="sf6 压力lw-252")


@pytest.mark.parametrize("part", ["a-", "a1-", "1-", "a'", "第", "1/a", "1,"])
def test_hostile_repetition_costs_no_time(part: str):
    started = time.monotonic()
    index_terms(text=part * 20_000)
    assert time.monotonic() - started < 2


def test_words_inside_a_code_are_found_too():
    assert index_terms(text="release-10kg") == ["release-10kg", "release"]


def test_no_pattern_needs_what_early_pythons_get_wrong() -> None:
    """CPython issue 106052, in 3.11.2 of Debian 12 among others: after a possessive repetition the place is lost."""
    possessive = re.compile(r"[)\]}\w][+*?]\+|\(\?>")
    assert possessive.search(r"(?:ab)++")
    assert possessive.search(r"[0-9]*+x")
    assert not possessive.search(r"[-*+>]")
    root = Path(rag.__file__).parents[1]
    for package in ("rag", "inference", "platform", "deploy"):
        for path in (root / package).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            patterns = [line for line in lines if re.search(r"\brf?[\"']", line)]
            assert [line for line in patterns if possessive.search(line)] == [], path

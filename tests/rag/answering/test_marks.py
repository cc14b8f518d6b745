import pytest

from rag.answering.marks import mark_groups, marks_end, possible_mark_at, settled_marks, without_marks


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("是[1]", (1,)),
        ("是【2】", (2,)),
        ("是［3］", (3,)),
        ("是[1,2]", (1, 2)),
        ("是[1、3]", (1, 3)),
        ("是[1][2]", (1, 2)),
        ("是[1] [2]", (1, 2)),
        ("是[2-4]", (2, 3, 4)),
        ("是[资料1]", (1,)),
        ("是[资料1, 资料2]", (1, 2)),
        ("是（资料2）", (2,)),
        ("是(见资料2)", (2,)),
        ("is (source 2)", (2,)),
        ("is [Passage 1]", (1,)),
        ("是[citation:3]", (3,)),
        ("是[^1]", (1,)),
        ("是【1†来源】", (1,)),
        ("根据资料1，", (1,)),
        ("不少于12位，资料编号[2]", (2,)),
    ],
)
def test_a_mark_in_any_of_its_forms(text: str, numbers: tuple[int, ...]) -> None:
    [group] = mark_groups(text)
    assert group.numbers == numbers


@pytest.mark.parametrize(
    "text",
    [
        "国发〔2024〕5号",
        "[2024]",
        "(1) 到窗口申请",
        "（3）",
        "资料3份",
        "资料2.5%",
        "提交资料2套，",
        "交资料1册",
        "温度为[5, 40]℃",
        "`a[1]`",
        "数组[i]",
        "[x]",
        "[]",
    ],
)
def test_what_is_no_mark(text: str) -> None:
    assert mark_groups(text) == []


def test_a_mark_knows_its_place() -> None:
    [first, second] = mark_groups("甲[1]，乙[2]。")
    assert (first.start, first.end) == (1, 4)
    assert (second.start, second.end) == (6, 9)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("甲乙", 2),
        ("甲[", 1),
        ("甲[1", 1),
        ("甲【资料", 1),
        ("根据资", 2),
        ("甲[1]乙", 1),
        ("国发〔2024〕", 8),
    ],
)
def test_what_may_become_a_mark_is_known(text: str, at: int) -> None:
    assert possible_mark_at(text) == at


def test_marks_after_a_full_stop_belong_to_it() -> None:
    assert marks_end("是。[1][2]后", start=2) == (8, False)
    assert marks_end("是。[1]", start=2) == (5, True)
    assert marks_end("是。[", start=2) == (2, True)
    assert marks_end("是。后", start=2) == (2, False)


def test_without_marks() -> None:
    assert without_marks("甲[1]，乙【2】。") == "甲，乙。"


@pytest.mark.parametrize(
    ("written", "settled"),
    [
        ("最长还能运行[1]小时。", "最长还能运行1小时。"),
        ("最长还能运行[1]1小时。", "最长还能运行1小时[1]。"),
        ("每[2]3个月一次，并登记。", "每3个月一次[2]，并登记。"),
        ("It runs for [1] hour at most.", "It runs for 1 hour at most."),
        ("个人贷款见[1]个人业务一章。", "个人贷款见[1]个人业务一章。"),
        ("根据[1]，每年一次。", "根据[1]，每年一次。"),
        ("应在[3]个月内答复。", "应在3个月内答复。"),
        ("根据资料[1]个税按月缴纳。", "根据资料[1]个税按月缴纳。"),
        ("《办法》[1]年审每年一次。", "《办法》[1]年审每年一次。"),
        ("按年结息，[1]年利率为3%。", "按年结息，[1]年利率为3%。"),
        ("每年一次[1][2]。", "每年一次[1][2]。"),
        ("[1] 拨6621-0317。", "拨6621-0317[1]。"),
        ("- [1]，拨6621，找值班员。", "- 拨6621，找值班员[1]。"),
        ("[1]住宅70%，商业60%[2]。", "住宅70%[1]，商业60%[2]。"),
        ("告警，最近一次复测是[1]。", "告警，最近一次复测见[1]。"),
        ("最近一次复测：[1]", "最近一次复测：见[1]"),
        ("处理意见的依据也就是[1]。", "处理意见的依据也就是[1]。"),
        ("密码最少要设12位，[1]", "密码最少要设12位[1]"),
        ("密码最少要设12位，[1]。", "密码最少要设12位[1]。"),
        ("温度范围为[5, 40]℃。", "温度范围为[5, 40]℃。"),
        ("[1]", "[1]"),
    ],
)
def test_a_mark_among_the_words_of_a_figure_is_settled(written: str, settled: str) -> None:
    assert settled_marks(written) == settled


def test_brackets_with_no_passages_number_are_words_of_the_text_unless_they_end_a_clause() -> None:
    assert mark_groups("[7]号楼", given=[1, 2]) == []
    assert mark_groups("Room [7] is open", given=[1, 2]) == []
    assert [group.numbers for group in mark_groups("在[7]，在[9][1]号楼", given=[1, 2])] == [(7,), (9, 1)]

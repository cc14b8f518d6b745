"""Whatever the stream's cuts, the same text with the same citations; never a mark that does not hold."""

import random
import time

import pytest

from rag.answering.composer import AnswerComposer
from rag.answering.source import Source
from rag.answering.support import SupportChecker

SOURCES = [
    Source(1, "授信管理办法", "以住宅抵押的，抵押率最高不超过70%；以商业用房抵押的，抵押率最高不超过60%。"),
    Source(2, "反洗钱手册", "高风险客户每6个月审核一次，中风险客户每一年审核一次。"),
    Source(3, "员工守则", "员工不得接受单次价值超过300元的礼品。"),
]
HOUSING, REVIEW, GIFT = "住宅抵押率最高不超过70%", "高风险客户每6个月审核一次", "员工不得接受超过300元的礼品"


def compose(text: str, pieces: list[str] | None = None) -> tuple[str, list[tuple[int, int]], AnswerComposer]:
    composer = AnswerComposer(checker=SupportChecker(question="有哪些规定？", sources=SOURCES))
    shown = "".join(composer.feed(piece) for piece in (pieces or [text])) + composer.finish()
    for citation in composer.citations:
        assert shown[citation.start : citation.end] == f"[{citation.index}]"
    return shown, [(c.index, c.number) for c in composer.citations], composer


@pytest.mark.parametrize(
    ("written", "shown", "citations"),
    [
        (f"{HOUSING}[1]。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{HOUSING}。[1]", f"{HOUSING}。[1]", [(1, 1)]),
        (f"{HOUSING}【1】。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{REVIEW}[2]。{HOUSING}[1]。", f"{REVIEW}[1]。{HOUSING}[2]。", [(1, 2), (2, 1)]),
        (f"{HOUSING}[2]。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{HOUSING}[7]。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{HOUSING}[1-3]。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{HOUSING}。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"{HOUSING}", f"{HOUSING}[1]", [(1, 1)]),
        (f"{HOUSING}[1]，{REVIEW}[2]。", f"{HOUSING}[1]，{REVIEW}[2]。", [(1, 1), (2, 2)]),
        (f"{HOUSING}，{REVIEW}[1][2]。", f"{HOUSING}，{REVIEW}[1][2]。", [(1, 1), (2, 2)]),
        (f"{HOUSING}，{REVIEW}。", f"{HOUSING}，{REVIEW}[1][2]。", [(1, 1), (2, 2)]),
        (f"{HOUSING}[1]。今天天气很好[3]。", f"{HOUSING}[1]。今天天气很好。", [(1, 1)]),
        (f"根据资料1，{HOUSING}。", f"根据[1]，{HOUSING}。", [(1, 1)]),
        (f"{HOUSING}，资料编号[1]。", f"{HOUSING}[1]。", [(1, 1)]),
        (f"- {HOUSING}\n- {REVIEW}\n", f"- {HOUSING}[1]\n- {REVIEW}[2]\n", [(1, 1), (2, 2)]),
        (f"规定如下：\n{HOUSING}。", f"规定如下：\n{HOUSING}[1]。", [(1, 1)]),
        ("高风险客户每[6]个月审核一次。", "高风险客户每6个月审核一次[1]。", [(1, 2)]),
        ("高风险客户每[2]6个月审核一次，另行登记。", "高风险客户每6个月审核一次[1]，另行登记。", [(1, 2)]),
        ("高风险客户每[3]个月审核一次。", "", []),
        (f"{HOUSING}[1]。\n```\na[1] = b[2]\n```\n", f"{HOUSING}[1]。\n```\na[1] = b[2]\n```\n", [(1, 1)]),
        (f"{HOUSING}[1]。资料中未提及董事长[2]。", f"{HOUSING}[1]。资料中未提及董事长。", [(1, 1)]),
    ],
)
def test_marks_are_kept_repaired_dropped_or_attached(
    written: str, shown: str, citations: list[tuple[int, int]]
) -> None:
    whole = compose(written)
    assert whole[:2] == (shown, citations)
    assert compose(written, list(written))[:2] == (shown, citations)


def test_how_the_stream_is_cut_makes_no_difference() -> None:
    text = f"规定如下：\n1. {HOUSING}[1]。\n2. {REVIEW}【2】，见资料2。\n\n**{GIFT}**[资料3]！另外，{REVIEW}[9][2]。完"
    expected = compose(text)[:2]
    rng = random.Random(7)
    for _ in range(200):
        cuts = sorted(rng.sample(range(1, len(text)), rng.randint(1, 12)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert compose(text, pieces)[:2] == expected


def test_a_year_in_brackets_is_no_mark() -> None:
    assert compose("抵押率最高不超过70%，见渝发[2024]号文[1]。")[0] == ""  # 2024 is in no passage
    assert (
        compose("另见〔甲〕，住宅抵押率最高不超过70%[1]。")[0] == "另见〔甲〕，住宅抵押率最高不超过70%[1]。"
    )


@pytest.mark.parametrize(
    "text", ["住宅抵押率最高不超过95%[1]。", "董事长是张三[1]。", "资料中未提及董事长[1]。", "", "[1]"]
)
def test_an_answer_that_nothing_supports_is_never_shown(text: str) -> None:
    shown, citations, composer = compose(text, list(text))
    assert shown == ""
    assert citations == []
    assert not composer.supported


def test_what_was_withheld_can_be_told() -> None:
    _shown, _citations, composer = compose("董事长是张三[1]。")
    assert composer.withheld == "董事长是张三。"


def test_words_are_not_held_back_once_something_is_supported() -> None:
    composer = AnswerComposer(checker=SupportChecker(question="规定？", sources=SOURCES))
    assert composer.feed(f"{HOUSING}[1]。") == ""
    assert composer.feed("高") == f"{HOUSING}[1]。高"
    assert composer.feed("风险客户") == "风险客户"
    assert composer.feed("每6个月审核一次[2") == "每6个月审核一次"
    assert composer.feed("]。") == ""
    assert composer.feed("完") == "[2]。完"


def test_markdown_headings_and_tables_get_no_marks_of_ours() -> None:
    text = f"# {HOUSING}\n| {HOUSING} | x |\n{REVIEW}。"
    shown, citations, _ = compose(text)
    assert shown == f"# {HOUSING}\n| {HOUSING} | x |\n{REVIEW}[1]。"
    assert citations == [(1, 2)]


@pytest.mark.parametrize("size", [1, 3, 200])
def test_the_question_said_again_is_left_out(size: int) -> None:
    question = "高风险客户多久审核一次？"
    composer = AnswerComposer(checker=SupportChecker(question=question, sources=SOURCES))
    text = f"{question}{REVIEW}。"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    assert "".join(map(composer.feed, pieces)) + composer.finish() == f"{REVIEW}[1]。"
    (citation,) = composer.citations
    assert (citation.start, citation.end) == (len(REVIEW), len(REVIEW) + 3)


def test_a_question_of_the_answer_itself_gets_no_mark() -> None:
    shown, citations, _composer = compose(f"{REVIEW}。{HOUSING}，是吗？")
    assert shown == f"{REVIEW}[1]。{HOUSING}，是吗？"
    assert citations == [(1, 2)]


PARTS = [
    *(
        HOUSING,
        REVIEW,
        "[1]",
        "[2]",
        "【2】",
        "[9]",
        "（资料1）",
        "。",
        "，",
        "\n",
        ". ",
        "？",
        "| a | b |\n",
        "- ",
        "1. ",
    ),
    *(
        "[",
        "]",
        "资料",
        "资料2",
        "资料2套",
        "来源：",
        "编号[1]",
        "，来源：[2]",
        " ",
        "…",
        "Dr. ",
        "是",
        "为 ",
        "：",
        "，[1]",
    ),
    *("[1] ", "[5, 40]℃", "[1]小时", "6", "[7]号", "`a[1]`", "```\n"),
]


@pytest.mark.parametrize("seed", range(300))
def test_however_strange_the_text_the_cuts_make_no_difference(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choice(PARTS) for _ in range(chance.randint(1, 14)))
    expected = compose(text)[:2] if text else ("", [])
    for size in (1, 2, 5):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        assert compose(text, pieces)[:2] == expected


@pytest.mark.parametrize(
    ("passage", "answer"),
    [
        (
            "设备运行环境温度范围为[5, 40]℃，湿度不超过85%。",
            "设备运行环境温度范围为[5, 40]℃，湿度不超过85%[1]。",
        ),
        ("申请人提交资料2套，现场核验原件后退回。", "申请人提交资料2套，现场核验原件后退回[1]。"),
    ],
)
def test_what_only_looks_like_a_mark_stays(passage: str, answer: str) -> None:
    composer = AnswerComposer(
        checker=SupportChecker(question="有什么要求？", sources=[Source(1, "手册", passage)])
    )
    assert "".join(map(composer.feed, answer)) + composer.finish() == answer


def test_a_long_text_without_an_end_is_read_in_linear_time() -> None:
    composer = AnswerComposer(checker=SupportChecker(question="规定？", sources=SOURCES))
    begun = time.process_time()
    for _ in range(20_000):
        composer.feed("抵押")
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(("limit", "shown"), [("3000万元", True), ("5000万元", False)])
def test_a_table_is_shown_once_a_passage_has_a_row_of_it(limit: str, shown: bool) -> None:
    source = Source(1, "审批", "分行审批限额为3000万元。")
    composer = AnswerComposer(checker=SupportChecker(question="审批限额？", sources=[source]))
    table = f"| 项目 | 限额 |\n|---|---|\n| 分行 | {limit} |\n"
    assert "".join(map(composer.feed, table)) + composer.finish() == (table if shown else "")


RULES = [
    Source(1, "问责制度", "无法确定责任人的，由部门负责人承担责任。"),
    Source(2, "Policy", "If a receipt is not provided, the claim is rejected by Finance within five days."),
    Source(3, "办事指南", "申请人不能提供身份信息的，窗口应当场一次性告知，并开具补正通知书。"),
]


@pytest.mark.parametrize("mark", ["[{}]", ""])
@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (1, "无法确定责任人的，由部门负责人承担责任{}。"),
        (2, "If a receipt is not provided, the claim is rejected by Finance within five days{}."),
        (3, "申请人不能提供身份信息的，窗口应当场一次性告知，并开具补正通知书{}。"),
    ],
)
def test_a_rule_about_what_is_missing_is_an_answer(number: int, answer: str, mark: str) -> None:
    composer = AnswerComposer(checker=SupportChecker(question="怎么办？", sources=RULES))
    shown = composer.feed(answer.format(mark.format(number))) + composer.finish()
    assert shown == answer.format("[1]")
    assert [citation.number for citation in composer.citations] == [number]


def test_what_only_the_model_cannot_find_is_no_answer() -> None:
    composer = AnswerComposer(checker=SupportChecker(question="责任人是谁？", sources=RULES))
    assert composer.feed("根据资料无法确定部门负责人和责任人[1]。") + composer.finish() == ""
    assert not composer.supported

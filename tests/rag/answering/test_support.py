import pytest

from rag.answering.source import Source
from rag.answering.support import SupportChecker, names_in

SOURCES = [
    Source(1, "授信管理办法", "以住宅抵押的，抵押率最高不超过70%；以商业用房抵押的，抵押率最高不超过60%。"),
    Source(
        2,
        "反洗钱手册",
        "高风险客户每6个月审核一次，中风险客户每一年审核一次。单户大额交易超过2000万元的须报告。",
    ),
    Source(3, "变压器检修规程", "SF6气体压力低于0.4MPa时，应停运T-102号断路器。"),
    Source(
        4,
        "Third-Party Policy",
        "Critical third parties are assessed on site every twelve months by Group Risk.",
    ),
]


def checker(question: str = "问题") -> SupportChecker:
    return SupportChecker(question=question, sources=SOURCES)


@pytest.mark.parametrize(
    ("sentence", "number"),
    [
        ("住宅抵押率最高不超过70%", 1),
        ("SF6气体压力低于0.4 MPa时停运T-102号断路器", 3),
        ("Critical third parties are assessed on site every 12 months", 4),
        ("《反洗钱手册》规定高风险客户每6个月审核一次", 2),
    ],
)
def test_what_the_passage_says_is_supported(sentence: str, number: int) -> None:
    assert checker().support(sentence=sentence, numbers=[number]).keeps
    assert checker().best(sentence=sentence) == (number,)


@pytest.mark.parametrize(
    ("sentence", "number"), [("住宅抵押率不得高于百分之七十", 1), ("高风险客户的审核周期是六个月一次", 2)]
)
def test_a_paraphrase_keeps_the_models_mark_but_gets_none_of_ours(sentence: str, number: int) -> None:
    assert checker().support(sentence=sentence, numbers=[number]).keeps
    assert checker().best(sentence=sentence) == ()


@pytest.mark.parametrize(
    ("sentence", "number", "missing"),
    [
        ("住宅抵押率最高不超过80%", 1, "80"),
        ("SF7气体压力低于0.4MPa时停运断路器", 3, "SF7"),
        ("SF6气体压力低于0.4MPa时停运T-103号断路器", 3, "T-103"),
        ("《信息安全规定》要求高风险客户每6个月审核一次", 2, "信息安全规定"),
        ("Assessed on site every twelve months by the Board of Directors", 4, "Board"),
    ],
)
def test_a_number_or_name_that_is_not_there_is_never_supported(
    sentence: str, number: int, missing: str
) -> None:
    found = checker().support(sentence=sentence, numbers=[number])
    assert found.missing == missing
    assert not found.keeps
    assert checker().best(sentence=sentence) == ()


def test_a_number_that_stands_with_something_else_is_not_support() -> None:
    question = "客户送的礼物超过多少不能收？"
    found = checker(question).support(sentence="客户送的礼物价值超过2000万元就不能收", numbers=[2])
    assert not found.keeps


def test_numbers_and_names_of_the_question_need_not_be_in_the_passage() -> None:
    question = "王强在2031年的住宅贷款，抵押率最高多少？"
    found = checker(question).support(sentence="王强2031年的住宅抵押率最高不超过70%", numbers=[1])
    assert found.keeps


LIMITS = [
    Source(1, "授信", "信用贷款单户限额为300万元，由总行审批。"),
    Source(2, "采购", "单笔超过50万元的采购由采购委员会审批。"),
    Source(3, "保密", "客户信息不得通过个人邮箱外传，违者通报批评。"),
    Source(4, "Travel", "Employees must not book first class tickets on their own."),
    Source(5, "礼品", "员工不得接受单次价值超过300元的礼品。未经批准不得加班。"),
]


@pytest.mark.parametrize(
    ("question", "sentence", "number", "kept"),
    [
        ("信用贷款单户限额是500万元吗？", "是的，信用贷款单户限额为500万元", 1, False),
        ("信用贷款单户限额是500万元吗？", "信用贷款单户限额不是500万元，而是300万元", 1, True),
        ("信用贷款单户限额是300万元吗？", "是的，信用贷款单户限额为300万元", 1, True),
        ("80万元的采购由谁审批？", "80万元的采购由采购委员会审批", 2, True),
        ("客户信息能否外传？", "客户信息可以通过个人邮箱外传", 3, False),
        ("客户信息能否外传？", "客户信息严禁通过个人邮箱外传", 3, True),
        ("First class?", "Employees may book first class tickets on their own", 4, False),
        ("First class?", "Employees can't book first class tickets on their own", 4, True),
        ("礼品？", "员工可以接受单次价值300元以下的礼品", 5, True),
        ("加班？", "经批准可以加班", 5, True),
    ],
)
def test_neither_the_questions_number_nor_the_opposite_of_a_rule_is_supported(
    question: str, sentence: str, number: int, kept: bool
) -> None:
    checked = SupportChecker(question=question, sources=LIMITS)
    assert checked.support(sentence=sentence, numbers=[number]).keeps == kept


def test_repeating_the_question_proves_nothing() -> None:
    question = "以住宅抵押的抵押率是谁批准的？"
    assert checker(question).best(sentence="以住宅抵押的抵押率是张三批准的") == ()


def test_a_passage_that_was_not_given_supports_nothing() -> None:
    assert not checker().support(sentence="住宅抵押率最高不超过70%", numbers=[9]).keeps


def test_two_passages_support_a_sentence_together() -> None:
    sentence = "住宅抵押率最高不超过70%，高风险客户每6个月审核一次"
    assert checker().best(sentence=sentence) == (1, 2)


def test_across_languages_numbers_speak() -> None:
    english = "The loan-to-value ratio for housing is at most 70%"
    assert checker().support(sentence=english, numbers=[1]).keeps
    assert checker().support(sentence=english, numbers=[1]).attaches
    assert not checker().support(sentence=english.replace("70", "75"), numbers=[1]).keeps


@pytest.mark.parametrize(
    ("sentence", "names"),
    [
        ("使用SF6和T-102，见《规程》", ["SF6", "T-102", "规程"]),
        ("The Board of Quyuan decides", ["Board", "Quyuan"]),
        ("压力为0.4，共12台", []),
        ("plain words only", []),
    ],
)
def test_names(sentence: str, names: list[str]) -> None:
    assert names_in(sentence) == names


def test_a_code_of_the_question_is_not_another_of_its_series() -> None:
    question = "LW-40.5型断路器的SF6压力降到多少会闭锁？"
    breaker = Source(1, "断路器检修规程", "LW-252断路器SF6压力低于0.50MPa时闭锁分合闸。")
    checked = SupportChecker(question=question, sources=[breaker])
    assert not checked.support(sentence="LW-40.5型断路器的SF6压力降到0.50MPa时闭锁", numbers=[1]).keeps
    assert checked.support(sentence="LW-252断路器的SF6压力降到0.50MPa时闭锁", numbers=[1]).keeps
    unnamed = Source(1, "断路器检修规程", "本型断路器SF6压力低于0.50MPa时闭锁分合闸。")
    silent = SupportChecker(question=question, sources=[unnamed])
    assert silent.support(sentence="LW-40.5型断路器的SF6压力降到0.50MPa时闭锁", numbers=[1]).keeps

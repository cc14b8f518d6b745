from decimal import Decimal

import pytest

from rag.answering.numbers import chinese_value, missing_numbers, numbers_in, stated_numbers


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("三十五", "35"),
        ("十", "10"),
        ("一百零三", "103"),
        ("二〇二五", "2025"),
        ("两万", "20000"),
        ("一百万", "1000000"),
        ("三亿五千万", "350000000"),
        ("三点五", "3.5"),
    ],
)
def test_chinese_numbers(written: str, value: str) -> None:
    assert chinese_value(written) == Decimal(value)


@pytest.mark.parametrize(
    ("sentence", "passage"),
    [
        ("不超过5万元", "限额为 50,000 元"),
        ("不超过50,000元", "限额为五万元"),
        ("最高70%", "抵押率最高百分之七十"),
        ("百分之七十", "最高70%"),
        ("5万元", "金额（万元）| 5"),
        ("二十四小时内", "24小时内处理"),
        ("1.2亿元", "总价 12000 万元"),
        ("$5.2 million", "5,200,000 dollars"),
        ("1. 最高70%", "最高70%"),
        ("十分重要", "没有数字"),
        ("千万不要关闭", "没有数字"),
        ("使用 SF6 气体", "没有数字"),
    ],
)
def test_the_same_number_written_otherwise_is_not_missing(sentence: str, passage: str) -> None:
    assert missing_numbers(sentence, among=numbers_in(passage)) == []


@pytest.mark.parametrize(
    ("sentence", "passage", "missing"),
    [
        ("最高80%", "最高70%", "80"),
        ("5亿元", "5万元", "500000000"),
        ("2025年3月15日", "2025年3月16日", "15"),
        ("三十五天", "三十天", "35"),
        ("3.5 kV", "35 kV", "3.5"),
    ],
)
def test_another_number_is_missing(sentence: str, passage: str, missing: str) -> None:
    assert missing_numbers(sentence, among=numbers_in(passage)) == [Decimal(missing)]


def test_numbers_of_list_items_state_nothing() -> None:
    assert stated_numbers("2. 到窗口申请\n（3）领取") == []
    assert stated_numbers("2.5%") == [(Decimal("2.5"), Decimal("2.5"))]

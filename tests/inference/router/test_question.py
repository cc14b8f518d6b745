"""`auto`: which questions are worth thinking about."""

from __future__ import annotations

import time

import pytest

from inference.router.question import route_of


def asked(text: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "system", "content": "证明"}, {"role": "user", "content": text}], **more}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("请证明根号2是无理数", "proof"),
        ("Prove that there are infinitely many primes.", "proof"),
        ("年利率3.85%,等额本息,计算每月还款额", "figures"),
        ("What is the probability of two sixes?", "figures"),
        ("写一个函数把表格按部门汇总", "code"),
        ("```python\nfor x in y\n``` why does it fail", "code"),
        ("比较集中式和分布式储能的利弊", "comparison"),
        ("What is the root cause of these outages?", "comparison"),
        ("请一步一步分析", "asked"),
        ("Think carefully about this.", "asked"),
        ("请依次回答:\n1. 谁审批\n2. 多久\n3. 依据", "steps"),
    ],
)
def test_what_is_worth_thinking_about(text: str, reason: str) -> None:
    choice = route_of(body=asked(text))
    assert (choice.route, choice.reason) == ("reasoner", reason)


@pytest.mark.parametrize(
    "text",
    [
        "年假有几天?",
        "你好",
        "How many days of leave do I have?",
        "差旅住宿标准是多少",
        "Summarise this paragraph in one sentence.",
        "把这封邮件翻译成英文",
        "",
    ],
)
def test_what_is_answered_at_once(text: str) -> None:
    choice = route_of(body=asked(text))
    assert (choice.route, choice.reason) == ("chat", "short")


def test_only_the_last_question_counts() -> None:
    body = asked("请证明这个定理")
    body["messages"] += [{"role": "assistant", "content": "证明如下"}, {"role": "user", "content": "谢谢"}]  # type: ignore[operator]
    assert route_of(body=body).route == "chat"


@pytest.mark.parametrize(
    ("more", "route", "reason"),
    [
        ({"tools": [{"type": "function"}]}, "chat", "tools"),
        ({"response_format": {"type": "json_schema"}}, "chat", "format"),
        ({"reasoning_effort": "high"}, "reasoner", "asked"),
        ({"reasoning_effort": "low"}, "reasoner", "proof"),
        ({"response_format": {"type": "text"}}, "reasoner", "proof"),
    ],
)
def test_what_else_a_request_says(more: dict[str, object], route: str, reason: str) -> None:
    choice = route_of(body=asked("请证明", **more))
    assert (choice.route, choice.reason) == (route, reason)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": 7},
        {"messages": ["x"]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"prompt": [1, 2]},
    ],
)
def test_nonsense_goes_to_the_chat_model(body: dict[str, object]) -> None:
    assert route_of(body=body).route == "chat"


@pytest.mark.parametrize(
    "text", ["比较" * 50_000, "\n" * 200_000, "compare " * 30_000, "- " * 90_000, "1 " * 99_000]
)
def test_no_question_takes_long(text: str) -> None:
    begun = time.process_time()
    route_of(body=asked(text))
    assert time.process_time() - begun < 0.1

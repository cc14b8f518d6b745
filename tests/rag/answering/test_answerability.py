import math
from typing import Any

import pytest

from rag.answering.answerability import (
    GATE_PARAMETERS,
    LIMIT,
    GateQuestion,
    gate_probability,
    gate_questions,
    judge_answerability,
)
from rag.answering.prompt import PromptSettings, build_prompt
from rag.answering.source import Source

SOURCES = [Source(number=1, title="费率表", text="银行询证函每份200元，小微企业免收。", section="服务收费")]
SMALL = PromptSettings(profile="small", context_tokens=4096)


def reply(**probabilities: float) -> dict[str, Any]:
    top = [{"token": token, "logprob": math.log(p)} for token, p in probabilities.items()]
    return {"choices": [{"logprobs": {"content": [{"token": "x", "top_logprobs": top}]}}]}


def asked(question: str) -> tuple[GateQuestion, ...]:
    prompt = build_prompt(question=question, sources=SOURCES, settings=SMALL)
    return gate_questions(prompt=prompt, question=question)


@pytest.mark.parametrize("system_role", [True, False])
def test_the_gate_differs_from_the_answers_prompt_in_its_last_line_only(system_role: bool) -> None:
    question = "开一份银行询证函\n要收多少钱？"
    settings = PromptSettings(profile="small", context_tokens=4096, system_role=system_role)
    prompt = build_prompt(question=question, sources=SOURCES, settings=settings)
    shared = prompt.messages[-1].content.rpartition("\n")[0]
    assert shared.endswith("问题：开一份银行询证函 要收多少钱？")
    for gate in gate_questions(prompt=prompt, question=question):
        assert gate.messages[:-1] == prompt.messages[:-1]
        assert gate.messages[-1].role == "user"
        assert gate.messages[-1].content.rpartition("\n")[0] == shared
        assert gate.messages[-1].content != prompt.messages[-1].content


def test_each_wording_asks_in_the_language_of_the_question() -> None:
    chinese = [gate.messages[-1].content.rpartition("\n")[2] for gate in asked("询证函多少钱？")]
    english = [gate.messages[-1].content.rpartition("\n")[2] for gate in asked("What does a letter cost?")]
    assert chinese == [
        "上面的资料能否直接回答这个问题？只回答“是”或“否”。",
        "从资料中逐字抄写回答问题的那句话，没有就写“无”。",
        "用资料回答问题；资料没有写明答案时只写“无”。",
    ]
    assert all(task.isascii() for task in english)


def test_one_token_with_its_alternatives_is_asked_for() -> None:
    assert GATE_PARAMETERS["max_tokens"] == 1
    assert GATE_PARAMETERS["logprobs"] is True
    assert GATE_PARAMETERS["stream"] is False


def test_the_probability_is_what_is_left_beside_declining() -> None:
    yes_or_no, copy, answer = asked("询证函多少钱？")
    assert gate_probability(asked=yes_or_no, reply=reply(是=0.9, 否=0.07, 不是=0.02)) == pytest.approx(0.91)
    assert gate_probability(asked=copy, reply=reply(银行=0.6, 无=0.3, 无法=0.05)) == pytest.approx(0.65)
    assert gate_probability(asked=answer, reply=reply(None_=0.2, none=0.5, None2=0.1)) == pytest.approx(0.5)
    assert gate_probability(asked=answer, reply=reply(无=1.0, 没有=0.1)) == 0.0


def test_a_token_counts_without_its_space_and_case() -> None:
    _yes_or_no, copy, _answer = asked("What does a letter cost?")
    assert gate_probability(
        asked=copy, reply=reply(**{" None": 0.4, "NONE": 0.1, "A": 0.5})
    ) == pytest.approx(0.5)


def test_a_copied_sentence_may_begin_with_a_negation() -> None:
    yes_or_no, copy, _answer = asked("可以接受礼品吗？")
    assert gate_probability(asked=yes_or_no, reply=reply(不=0.8)) == pytest.approx(0.2)
    assert gate_probability(asked=copy, reply=reply(不=0.8)) == 1.0


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": [{"logprobs": None}]},
        {"choices": [{"logprobs": {"content": []}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": []}]}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "是"}]}]}}]},
        {"choices": [{"logprobs": {"content": [{"top_logprobs": [{"token": "是", "logprob": None}]}]}}]},
    ],
)
def test_a_reply_without_logprobs_says_nothing(body: dict[str, Any]) -> None:
    assert gate_probability(asked=asked("询证函多少钱？")[0], reply=body) is None


def test_the_mean_of_the_log_odds_decides() -> None:
    surely, hardly = 1 / (1 + math.exp(-3)), 0.5
    verdict = judge_answerability(
        sources=SOURCES, sufficient_evidence=False, retrieval_score=0.1, gates=[surely, surely, hardly]
    )
    assert verdict.answerable
    assert verdict.reason == ""
    assert verdict.score == pytest.approx(1 / (1 + math.exp(LIMIT - 2)))
    refused = judge_answerability(
        sources=SOURCES, sufficient_evidence=True, retrieval_score=0.9, gates=[hardly, hardly, surely / 2]
    )
    assert not refused.answerable
    assert refused.reason == "not_stated"
    assert refused.score < 0.5


def test_certainty_counts_for_no_more_than_five() -> None:
    verdict = judge_answerability(
        sources=SOURCES, sufficient_evidence=True, retrieval_score=0.3, gates=[1.0, 0.0]
    )
    assert verdict.score == pytest.approx(1 / (1 + math.exp(LIMIT)))


@pytest.mark.parametrize("gates", [(), (None, None), (0.99, None, 0.99)])
def test_without_the_whole_gate_retrieval_decides(gates: tuple[float | None, ...]) -> None:
    thin = judge_answerability(sources=SOURCES, sufficient_evidence=False, retrieval_score=0.1, gates=gates)
    assert (thin.answerable, thin.score, thin.reason) == (False, 0.1, "too_thin")
    enough = judge_answerability(sources=SOURCES, sufficient_evidence=True, retrieval_score=0.4, gates=gates)
    assert (enough.answerable, enough.score, enough.reason) == (True, 0.4, "")


def test_nothing_found_needs_no_gate() -> None:
    empty = [Source(number=1, title="空", text="  ")]
    for sources in ([], empty):
        verdict = judge_answerability(
            sources=sources, sufficient_evidence=True, retrieval_score=0.9, gates=[0.99]
        )
        assert (verdict.answerable, verdict.score, verdict.reason) == (False, 0.0, "nothing_found")

"""Whether the passages hold what is asked for, judged before a small model answers.

A model of one or two billion parameters does not say by itself that the passages are silent: asked for the price of a gas
whose handling they describe, it takes the nearest figure. But it half knows, and what it half knows stands in the
probabilities of the first token of its reply when it is offered a way out. The gate reads that one token, for several
wordings, because each errs elsewhere. Their prompts differ from the answer's in the last line only, so that an engine with
a prefix cache reads the passages once for all of them.

Models below a billion parameters do not know even by half (bench/README.md, "Refusing"): they are not asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from inference.messages import Message
from rag.answering.language import Language, language_of
from rag.answering.prompt import Prompt
from rag.answering.source import Source

AnswerabilityReason = Literal["", "nothing_found", "too_thin", "not_stated"]

# What a gate's request has besides its messages. Twenty alternatives are the most that the protocol allows.
GATE_PARAMETERS: Mapping[str, Any] = MappingProxyType(
    {"temperature": 0, "max_tokens": 1, "logprobs": True, "top_logprobs": 20, "stream": False}
)


@dataclass(frozen=True, slots=True)
class GateQuestion:
    """One request. ``declining``: what the reply begins with, in lower case, when the passages are silent."""

    messages: tuple[Message, ...]
    declining: frozenset[str]


@dataclass(frozen=True, slots=True)
class Answerability:
    """``score`` is 0…1, the more the better. ``reason`` is empty where the question is answerable."""

    answerable: bool
    score: float
    reason: AnswerabilityReason


@dataclass(frozen=True, slots=True)
class _Wording:
    task: Mapping[Language, str]
    declining: frozenset[str]


_SILENT = frozenset({"无", "没有", "无法", "none", "no"})
_WORDINGS = (
    _Wording(
        {
            "zh": "上面的资料能否直接回答这个问题？只回答“是”或“否”。",
            "en": 'Can this question be answered directly from the passages above? Reply only "yes" or "no".',
        },
        frozenset({"否", "不", "不是", "不能", "无", "no", "not"}),
    ),
    _Wording(
        {
            "zh": "从资料中逐字抄写回答问题的那句话，没有就写“无”。",
            "en": "Copy from the passages, word for word, the sentence that answers the question; "
            'if there is none write "none".',
        },
        _SILENT,
    ),
    _Wording(
        {
            "zh": "用资料回答问题；资料没有写明答案时只写“无”。",
            "en": 'Answer from the passages; if they do not state the answer write only "none".',
        },
        _SILENT,
    ),
)
# The mean of the wordings' log-odds below which a question is refused: bench/bench_refusal.py on the demonstration packs with
# Qwen2.5-Coder-1.5B Q4_K_M. It lies above zero because such a model would rather answer than not.
LIMIT = 1.0
# Log-odds beyond this say no more: the token was not among the alternatives.
_FURTHEST = 5.0


def gate_questions(*, prompt: Prompt, question: str) -> tuple[GateQuestion, ...]:
    """The requests of the gate for a prompt of the small profile, whose last line is the task."""
    language = language_of(question)
    last = prompt.messages[-1]
    shared, _newline, _task = last.content.rpartition("\n")
    return tuple(
        GateQuestion(
            messages=(*prompt.messages[:-1], replace(last, content=f"{shared}\n{wording.task[language]}")),
            declining=wording.declining,
        )
        for wording in _WORDINGS
    )


def gate_probability(*, asked: GateQuestion, reply: Mapping[str, Any]) -> float | None:
    """How probable the model finds it that the passages answer, from the body of its reply.

    None when the reply has no logprobs in it: an engine may leave them out.
    """
    alternatives = _alternatives(reply)
    if not alternatives:
        return None
    declined = sum(
        math.exp(logprob) for token, logprob in alternatives if token.strip().lower() in asked.declining
    )
    return max(0.0, 1.0 - declined)


def judge_answerability(
    *,
    sources: Sequence[Source],
    sufficient_evidence: bool,
    retrieval_score: float,
    gates: Sequence[float | None] = (),
) -> Answerability:
    """Judge from the gate where an engine was asked and told, else from what retrieval made of it.

    ``gates`` are the probabilities of ``gate_questions`` in any order; None for one that failed, which makes the others
    useless, since the limit holds for all of them together. With a gate the verdict of retrieval does not count: it
    refuses answerable questions that share few words with their passage. Without one ``retrieval_score`` is the score.
    """
    if not any(source.text.strip() for source in sources):
        return Answerability(answerable=False, score=0.0, reason="nothing_found")
    known = [_log_odds(gate) for gate in gates if gate is not None]
    if not known or len(known) < len(gates):
        score = min(1.0, max(0.0, retrieval_score))
        reason: AnswerabilityReason = "" if sufficient_evidence else "too_thin"
        return Answerability(answerable=sufficient_evidence, score=score, reason=reason)
    mean = sum(known) / len(known)
    stated = mean >= LIMIT
    score = 1 / (1 + math.exp(LIMIT - mean))
    return Answerability(answerable=stated, score=score, reason="" if stated else "not_stated")


def _log_odds(probability: float) -> float:
    nearest = 1 / (1 + math.exp(_FURTHEST))
    clipped = min(max(probability, nearest), 1 - nearest)
    return math.log(clipped / (1 - clipped))


def _alternatives(reply: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The first token's alternatives with their natural logarithms, of a chat completion in OpenAI's form."""
    try:
        first = reply["choices"][0]["logprobs"]["content"][0]
        return [(str(one["token"]), float(one["logprob"])) for one in first["top_logprobs"]]
    except (KeyError, IndexError, TypeError, ValueError):
        return []

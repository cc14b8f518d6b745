"""Which model answers a request that leaves the choice to the platform (``auto``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Route = Literal["chat", "reasoner"]
ROUTES: tuple[Route, ...] = ("chat", "reasoner")
# The name by which a request leaves the choice open.
AUTO = "auto"
# Why: tools — the request has tools, which a reasoning model calls late or not at all; format — it wants JSON; proof, figures,
# code, comparison — what the question asks for; steps — it has several parts; short — nothing of that.
Reason = Literal["tools", "format", "asked", "proof", "figures", "code", "comparison", "steps", "short"]


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """Of one request, with its reason, which is recorded."""

    route: Route
    reason: Reason


_LOOKED_AT = 8_000
_STEPS = 3

# Words of questions that R1's own evaluation set is made of (mathematics, code, planning), in both languages.
_WORDS: tuple[tuple[Reason, str], ...] = (
    (
        "asked",
        r"逐步|一步一步|深入思考|仔细想|step[ -]by[ -]step|think (?:hard|carefully|it through)|reason through",
    ),
    ("proof", r"证明|推导|求证|论证|\bprove\b|\bproof\b|\bderive\b"),
    (
        "figures",
        (
            r"计算|求解|解方程|方程组|概率|最优|优化问题|测算|敏感性分析|\bcalculate\b|\bcompute\b|\bsolve\b|\bprobability\b"
            r"|\boptimi[sz]e\b|\\(?:frac|int|sum|sqrt)\b|\d\s*[\^×÷]\s*\d"
        ),
    ),
    (
        "code",
        (
            r"```|算法|复杂度|调试|重构|写(?:一个|一段|个)?(?:程序|代码|函数|脚本|SQL)|\balgorithm\b|\bdebug\b|\brefactor\b"
            r"|\bwrite (?:a |some )?(?:code|function|script|program)\b"
        ),
    ),
    (
        "comparison",
        (
            r"利弊|优缺点|权衡|比较.{1,40}(?:与|和|跟)|根本原因|为什么会|影响分析|方案设计|\btrade-?offs?\b|\bpros and cons\b"
            r"|\broot cause\b|\bcompare\b.{1,60}\b(?:and|with|to)\b"
        ),
    ),
)
_PATTERNS = tuple((reason, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for reason, pattern in _WORDS)
_STEP = re.compile(r"^[ \t]*(?:\d{1,2}[.、)）]|[（(]\d{1,2}[)）]|[-*•])\s*\S", re.MULTILINE)


def route_of(*, body: Mapping[str, Any]) -> RouteChoice:
    """By the last question alone, without asking a model: it takes microseconds, and the same request always gets the same.

    Where nothing speaks for thinking, the chat model answers: it does so at once, and costs a fraction.
    """
    if body.get("tools"):
        return RouteChoice("chat", "tools")
    wanted = body.get("response_format")
    if isinstance(wanted, Mapping) and wanted.get("type") in ("json_object", "json_schema"):
        return RouteChoice("chat", "format")
    if body.get("reasoning_effort") in ("medium", "high"):
        return RouteChoice("reasoner", "asked")
    question = _last_question(body)
    for reason, pattern in _PATTERNS:
        if pattern.search(question):
            return RouteChoice("reasoner", reason)
    if len(_STEP.findall(question)) >= _STEPS:
        return RouteChoice("reasoner", "steps")
    return RouteChoice("chat", "short")


def _last_question(body: Mapping[str, Any]) -> str:
    messages = body.get("messages")
    if not isinstance(messages, Sequence) or isinstance(messages, str):
        prompt = body.get("prompt")
        return prompt[-_LOOKED_AT:] if isinstance(prompt, str) else ""
    for message in reversed(messages):
        if isinstance(message, Mapping) and message.get("role") == "user":
            return _text(message.get("content"))[-_LOOKED_AT:]
    return ""


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""

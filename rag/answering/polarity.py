"""Whether a rule forbids or allows, clause by clause: "不得外传" and "可以外传" share every other word."""

from __future__ import annotations

import re

_FORBIDS = re.compile(
    r"不得|禁止|严禁|不能|不予|不可以?|不应当?|不允许|不准|不许|切勿|"
    r"\b(?:must|may|shall|should|can|could)\s*(?:not|n't)\b|\bcan't\b|\bnot\s+(?:be\s+)?(?:allowed|permitted)\b"
    r"|\b(?:is|are)\s+(?:prohibited|forbidden)\b",
    re.IGNORECASE,
)
_ALLOWS = re.compile(r"可以|应当|允许|准予|\b(?:may|can|must|shall|allowed|permitted)\b")
# Beside a condition or a limit both may be said of one thing: 未经批准不得, 经批准可以; not above 300, may be below 300.
_CONDITIONED = re.compile(
    r"未经|非经|除|超过|超出|以上|以下|以内|以外|不足|低于|高于|少于|多于|大于|小于|"
    r"\b(?:unless|except|without|over|above|under|below|exceed\w*|more than|less than|up to|at most|at least)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"[，,；;。！？!?\n]+|\.\s")


def clauses_of(text: str) -> list[str]:
    return [clause for clause in _CLAUSE.split(text) if clause.strip()]


def polarity_of(clause: str) -> int:
    """-1 where it forbids, 1 where it allows or demands, 0 where it does neither, both, or under a condition."""
    if _CONDITIONED.search(clause):
        return 0
    allows = bool(_ALLOWS.search(_FORBIDS.sub(" ", clause)))
    return int(allows) - int(bool(_FORBIDS.search(clause)))

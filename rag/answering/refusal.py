"""Saying that the documents do not hold the answer, and knowing when a model says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from rag.answering.language import Language


class RefusalReason(StrEnum):
    """Stable codes: they are stored, audited and part of the API."""

    NO_KNOWLEDGE = "no_knowledge"
    NOTHING_FOUND = "nothing_found"
    WEAK_EVIDENCE = "weak_evidence"
    MODEL_DECLINED = "model_declined"
    UNSUPPORTED_ANSWER = "unsupported_answer"
    CUT_OFF = "cut_off"


_DECLINES = re.compile(
    r"(?:资料|文档|文件|上下文|原文|内容|知识库|信息)(?:片段)?[里中内]?(?:均|都|也|并|中)?(?:没有|未|无|不包含|没)"
    r"(?:明确|直接|具体|相关|任何|能|有)*(?:地)?(?:提及|提到|提供|包含|说明|找到|给出|涉及|记载|规定|信息|内容|答案|列出|指出|查到)"
    r"|(?:(?:根据|从|依据|在)[^。，,]{0,10}(?:资料|文档|文件|内容|信息)[^。，,]{0,4})?(?:无法|不能|难以)(?:直接|准确)?(?:从|根据|依据|在|由)?[^。，,]{0,12}(?:回答|得知|确定|得出|判断|获知|(?:提供|找到)[^。，,]{0,8}(?:答案|回答|信息))"
    r"|^\s*(?:抱歉|对不起|很抱歉)|^\s*(?:不知道|无法回答|未提及|没有提到|没有提及|不清楚)"
    r"|\b(?:documents?|passages?|sources?|context|information|text|materials?)\b[^.]{0,40}\b(?:do(?:es)?\s+not|don't|doesn't|"
    r"did\s+not|no)\b[^.]{0,20}\b(?:mention|contain|provide|say|state|specify|include|information|answer|cover)"
    r"|\b(?:not|isn't|aren't)\s+(?:mentioned|provided|found|stated|specified|contained|given|available)\b"
    r"|\b(?:cannot|can't|unable\s+to)\s+(?:be\s+)?(?:answer|determin|find|provide|say)|^\s*(?:sorry|i\s+(?:don't|do\s+not)\s+know)",
    re.IGNORECASE,
)

_WHY: dict[Language, dict[RefusalReason, str]] = {
    "zh": {
        RefusalReason.NO_KNOWLEDGE: "还没有可供您查阅的文档",
        RefusalReason.NOTHING_FOUND: "在您可查阅的文档中没有检索到与这个问题有关的内容",
        RefusalReason.WEAK_EVIDENCE: "在您可查阅的文档中只检索到关联很弱的内容，不足以作为回答的依据",
        RefusalReason.MODEL_DECLINED: "检索到的文档内容里没有这个问题的答案",
        RefusalReason.UNSUPPORTED_ANSWER: "检索到的文档内容不能支持模型写出的回答，因此没有展示它",
    },
    "en": {
        RefusalReason.NO_KNOWLEDGE: "there are no documents here that you may read",
        RefusalReason.NOTHING_FOUND: "a search of the documents that you may read found nothing about this question",
        RefusalReason.WEAK_EVIDENCE: "a search of the documents that you may read found only loosely related text, which is no "
        "basis for an answer",
        RefusalReason.MODEL_DECLINED: "the passages that were found do not contain the answer",
        RefusalReason.UNSUPPORTED_ANSWER: "the passages that were found do not support the answer that the model "
        "wrote, so it is not shown",
    },
}
_TEMPLATE: dict[Language, str] = {
    "zh": "抱歉，文档中没有这个问题的答案：{why}。{searched}您可以换一种说法再问，或请知识管理员补充相关文档。",
    "en": "Sorry, the documents do not hold the answer to this: {why}. {searched}"
    "You can put the question differently, or ask the knowledge manager to add the document.",
}
# Nothing follows about the documents: they may well hold the answer.
_CUT_OFF: dict[Language, str] = {
    "zh": "回答还没有写出一句有文档依据的话，就达到了长度上限，因此没有展示。"
    "请调大 max_tokens（推理模型的思考过程也计入其中）后再问一次。",
    "en": "The answer reached its limit of length before it said anything that the documents support, so it is not shown. "
    "Raise max_tokens, which counts a model's reasoning too, and ask again.",
}
_SEARCHED: dict[Language, str] = {"zh": "已检索：{names}。", "en": "Searched: {names}. "}
_SEPARATOR: dict[Language, str] = {"zh": "、", "en": ", "}
_NAMED = 5


def declines(sentence: str) -> bool:
    """Whether a sentence of a model says that the passages do not answer."""
    return bool(_DECLINES.search(sentence))


def declining_phrases(sentence: str) -> list[str]:
    """The words that say so. A rule says "无法确定责任人的，…" as well: whoever has the passages looks for them there."""
    return [match.group().strip() for match in _DECLINES.finditer(sentence)]


def refusal_text(*, reason: RefusalReason, language: Language, searched: Sequence[str] = ()) -> str:
    """What the asker reads: that there is no answer, why, and in which knowledge bases was searched."""
    if reason is RefusalReason.CUT_OFF:
        return _CUT_OFF[language]
    names = _SEPARATOR[language].join(searched[:_NAMED]) + (" …" if len(searched) > _NAMED else "")
    named = _SEARCHED[language].format(names=names) if searched else ""
    return _TEMPLATE[language].format(why=_WHY[language][reason], searched=named)

"""A question that follows up on an earlier one, made to stand alone so that it can be searched for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from inference.messages import Message
from rag.answering.language import Language, language_of
from rag.answering.marks import without_marks
from rag.answering.numbers import missing_numbers, numbers_in
from rag.answering.source import Turn
from rag.answering.support import terms_of
from rag.text import normalise

_POINTS_BACK = re.compile(
    r"它|他们|她|这个|这些|这种|那个|那些|那种|该|此|其[中他余]?|上述|前述|刚才|上面|前面|以上|同样|呢[？?]?$|^那|^还有|^另外|^如果是|^换成|^为什么"
    r"|\b(?:it|its|they|them|their|this|that|these|those|he|she|one|ones|same|above|former|latter|else)\b"
    r"|^(?:and|what about|how about|but|why|then|so|or)\b",
    re.IGNORECASE,
)
_SHORT: dict[Language, int] = {"zh": 9, "en": 5}
_TURNS = 2
_ANSWER_CHARACTERS = 160
_LONGEST = 200
# Of the follow-up's own characters (words, in English) so many must come back; so many pairs may be new, where parts meet.
_KEPT = 0.4
_INVENTED = 0.5
# What a follow-up is made of beside what it asks.
_FILLER_WORDS = "and or but what how about if when then is are was were does do did it its they them the a an of for to in why"
_FILLER = frozenset(
    "的了吗呢那它这该此其如果若要是到换成还有和与及另外也又再就么什为怎样哪些几多少请问"
) | frozenset(_FILLER_WORDS.split())
_LABEL = re.compile(
    r"^\s*(?:改写后的?问题|改写|完整的?问题|独立问题|问题|rewritten question|standalone question|question)\s*[:：]\s*",
    re.I,
)
_SYSTEM: dict[Language, str] = {
    "zh": "把用户最后的追问改写成一个不依赖上文也能看懂的完整问题。补全省略的对象，"
    "不回答，不添加新的内容，只输出改写后的问题。",
    "en": "Rewrite the user's last question so that it can be understood without the conversation. Fill in what it leaves "
    "out, do not answer it, add nothing, and output only the rewritten question.",
}
_DIALOGUE: dict[Language, tuple[str, str, str, str]] = {
    "zh": ("问：", "答：", "追问：", "改写后的问题："),
    "en": ("Q: ", "A: ", "Follow-up: ", "Rewritten question: "),
}
_EXAMPLES: dict[Language, tuple[tuple[str, str], ...]] = {
    "zh": (
        ("问：居住证怎么办理？\n答：持身份证到派出所申请。\n追问：要多少钱？", "办理居住证要多少钱？"),
        ("问：一级缺陷多久内处理？\n答：24小时内处理。\n追问：二级的呢？", "二级缺陷多久内处理？"),
    ),
    "en": (
        (
            "Q: How do I get a parking permit?\nA: Apply at the front desk.\nFollow-up: What does it cost?",
            "What does a parking permit cost?",
        ),
    ),
}


def follows_up(*, question: str, turns: Sequence[Turn]) -> bool:
    """Whether the question needs the conversation: it points back, or is too short to say what it is about.

    A first question never does.
    """
    if not turns:
        return False
    text = normalise(question).strip()
    return bool(_POINTS_BACK.search(text)) or len(_units(text)) < _SHORT[language_of(text)]


def rewrite_messages(*, question: str, turns: Sequence[Turn]) -> tuple[Message, ...]:
    """What to ask the engine. ``rewritten`` reads its answer."""
    language = language_of(question)
    asked, answered, follow_up, result = _DIALOGUE[language]
    dialogue = [
        f"{asked}{_line(turn.question)}\n{answered}{_line(turn.answer)[:_ANSWER_CHARACTERS]}"
        for turn in turns[-_TURNS:]
    ]
    shots = [
        message
        for given, wanted in _EXAMPLES[language]
        for message in (
            Message(role="user", content=f"{given}\n{result}"),
            Message(role="assistant", content=wanted),
        )
    ]
    user = "\n".join([*dialogue, f"{follow_up}{_line(question)}", result])
    return Message(role="system", content=_SYSTEM[language]), *shots, Message(role="user", content=user)


def rewritten(*, answer: str, question: str, turns: Sequence[Turn]) -> str | None:
    """The engine's rewriting, if it can be trusted: None when it answers, drops what was asked, or invents something."""
    lines = [line for line in answer.strip().splitlines() if line.strip()]
    text = _LABEL.sub("", lines[0]).strip("\"“”' ") if lines else ""
    if not text or len(text) > _LONGEST or language_of(text) != language_of(question):
        return None
    said = "\n".join([question, *(f"{turn.question}\n{turn.answer}" for turn in turns)])
    if missing_numbers(normalise(text), among=numbers_in(normalise(said))):
        return None
    if _same(text, question) or any(_same(text, turn.question) for turn in turns):
        return None
    own = set(_units(question)) - _FILLER
    kept = own.intersection(_units(text))
    invented = set(terms_of(text)) - set(terms_of(said))
    if len(kept) < _KEPT * len(own) or len(invented) > _INVENTED * len(terms_of(text)):
        return None
    return text


def joined_question(*, question: str, turns: Sequence[Turn]) -> str:
    """Without an engine: the last question and the follow-up together, which finds what both are about."""
    return f"{turns[-1].question.strip()} {question.strip()}" if turns else question


def _same(text: str, other: str) -> bool:
    return _units(text) == _units(other)


def _units(text: str) -> list[str]:
    return re.findall(r"[㐀-鿿]|[a-z0-9]+", normalise(text).lower())


def _line(text: str) -> str:
    return " ".join(without_marks(text).split())

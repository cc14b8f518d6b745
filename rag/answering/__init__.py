"""From passages to an answer that cites them: the prompt, the check of every mark, refusing, rewriting a follow-up."""

from rag.answering.answerability import (
    Answerability,
    GateQuestion,
    gate_probability,
    gate_questions,
    judge_answerability,
)
from rag.answering.composer import AnswerComposer, PlacedCitation
from rag.answering.extractive import ExtractedAnswer, extracted_answer
from rag.answering.language import Language, language_of
from rag.answering.prompt import (
    Prompt,
    PromptSettings,
    QuestionTooLongError,
    build_prompt,
    can_cite,
    check_question,
    estimated_tokens,
)
from rag.answering.refusal import RefusalReason, declines, refusal_text
from rag.answering.rewrite import follows_up, joined_question, rewrite_messages, rewritten
from rag.answering.source import Source, Turn
from rag.answering.support import SupportChecker

__all__ = [
    "AnswerComposer",
    "Answerability",
    "ExtractedAnswer",
    "GateQuestion",
    "Language",
    "PlacedCitation",
    "Prompt",
    "PromptSettings",
    "QuestionTooLongError",
    "RefusalReason",
    "Source",
    "SupportChecker",
    "Turn",
    "build_prompt",
    "can_cite",
    "check_question",
    "declines",
    "estimated_tokens",
    "extracted_answer",
    "follows_up",
    "gate_probability",
    "gate_questions",
    "joined_question",
    "judge_answerability",
    "language_of",
    "refusal_text",
    "rewrite_messages",
    "rewritten",
]

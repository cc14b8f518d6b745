"""An answer without a model: the best passages, quoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rag.answering.composer import PlacedCitation
from rag.answering.language import Language, language_of
from rag.answering.source import Source
from rag.answering.support import terms_of
from rag.answering.window import best_window

_QUOTES = 3
_QUOTE_CHARACTERS = 220
_INTRODUCTION: dict[Language, str] = {
    "zh": "没有配置语言模型，以下是文档中与问题最相关的原文：",
    "en": "No language model is configured. These are the passages that fit the question best:",
}
_PAGE: dict[Language, str] = {"zh": "第{page}页", "en": "page {page}"}


@dataclass(frozen=True, slots=True)
class ExtractedAnswer:
    text: str
    citations: tuple[PlacedCitation, ...]


def extracted_answer(*, question: str, sources: Sequence[Source]) -> ExtractedAnswer:
    """Up to three quotations, the best first, each with its mark and its place."""
    language = language_of(question)
    terms = terms_of(question)
    text, citations = _INTRODUCTION[language], []
    for index, source in enumerate(sources[:_QUOTES], start=1):
        quote = " ".join(best_window(source.text, terms=terms, size=_QUOTE_CHARACTERS).split())
        text += f"\n\n> {quote}\n\n— {_place(source, language)} "
        mark = f"[{index}]"
        citations.append(
            PlacedCitation(index=index, number=source.number, start=len(text), end=len(text) + len(mark))
        )
        text += mark
    return ExtractedAnswer(text=text, citations=tuple(citations))


def _place(source: Source, language: Language) -> str:
    page = _PAGE[language].format(page=source.page) if source.page else ""
    separator = "，" if language == "zh" else ", "
    return separator.join(part for part in (source.title, source.section, page) if part)

"""Between what the search found and what an answer is made from and cites."""

from collections.abc import Sequence
from uuid import UUID

from controlplane.chat.events import CitedPassage
from controlplane.documents.search import FoundPassage
from rag.answering import PlacedCitation, Prompt, Source


def sources_of(passages: Sequence[FoundPassage]) -> list[Source]:
    """Numbered from 1, the best first."""
    return [
        Source(number=number, title=p.title, text=p.text, section=p.section, page=p.page)
        for number, p in enumerate(passages, start=1)
    ]


def sources_seen(passages: Sequence[FoundPassage], prompt: Prompt) -> list[Source]:
    """The whole passages of those the model saw a part of: what it says may rest on no other."""
    shown = {source.number for source in prompt.sources}
    return [source for source in sources_of(passages) if source.number in shown]


def documents_of(passages: Sequence[FoundPassage], prompt: Prompt | None = None) -> tuple[UUID, ...]:
    """Each once: those of all the passages, or of the ones that the prompt had room for."""
    shown = {source.number for source in prompt.sources} if prompt else set(range(1, len(passages) + 1))
    return tuple(
        dict.fromkeys(p.document_id for number, p in enumerate(passages, start=1) if number in shown)
    )


def cited_passages(
    placed: Sequence[PlacedCitation], passages: Sequence[FoundPassage]
) -> tuple[CitedPassage, ...]:
    return tuple(
        CitedPassage(
            index=citation.index,
            start=citation.start,
            end=citation.end,
            document_id=passage.document_id,
            passage_id=passage.passage_id,
            title=passage.title,
            page=passage.page,
            section=passage.section,
            quote=passage.text,
            page_end=passage.page_end,
        )
        for citation in placed
        for passage in [passages[citation.number - 1]]
    )

"""A conversation as a page shows it: each question with its answer, whose marks lead to its citations."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.safestring import SafeString, mark_safe

from controlplane.chat.models import MessageRole
from controlplane.chat.selectors import MessageView
from frontend.markdown.rendering import render


@dataclass(frozen=True, slots=True)
class Turn:
    """`answer` is None where there is none: still being written, failed without a word, or deleted."""

    question: MessageView
    answer: MessageView | None
    html: SafeString


def turns_of(*, messages: Sequence[MessageView]) -> list[Turn]:
    turns: list[Turn] = []
    for view in messages:
        if view.message.role == MessageRole.QUESTION:
            turns.append(Turn(view, None, SafeString()))
        elif turns:
            turns[-1] = Turn(turns[-1].question, view, _rendered(view))
    return turns


def _rendered(view: MessageView) -> SafeString:
    known = {cited.citation.index for cited in view.citations}
    blocks = render(view.message.content, known=known, sources=f"m{view.message.pk}-")
    return mark_safe("".join(blocks))  # noqa: S308 - the rendering lets no markup of a text through

"""From the messages of the OpenAI protocol to a question."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from controlplane.api.openai.bodies import ChatMessage, ChatRequest, Draft, KarezOptions
from controlplane.api.openai.parameters import unsupported
from controlplane.chat.questions import Question, Trial
from controlplane.core.problems import InvalidInput
from controlplane.identity.principal import Principal
from rag.answering import Turn

ASSISTANT_PREFIX = "assistant:"
# Beyond this nothing is a question any more, whatever the model has room for; it is not even kept.
LONGEST_QUESTION = 32_000
_SAMPLING = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "stop",
)

_UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "response_format": ({"type": "text"},),
    "tools": (),
    "tool_choice": ("none", "auto"),
    "functions": (),
    "function_call": ("none", "auto"),
    "logprobs": (),
    "top_logprobs": (),
}


def check_messages(chat: ChatRequest) -> None:
    """Raise InvalidInput where there are none; only a question that is asked again needs none."""
    if not chat.messages and not (chat.karez and chat.karez.regenerate):
        raise _wrong_field("messages", _("“messages” must hold at least one message."))


def question_of(*, chat: ChatRequest, principal: Principal) -> Question:
    """Raises InvalidInput naming the field."""
    is_assistant = chat.model.startswith(ASSISTANT_PREFIX)
    options = chat.karez or KarezOptions()
    bases = options.knowledge_bases
    if not is_assistant and bases is None:
        raise _wrong_field("karez.knowledge_bases", _("“karez” needs the knowledge bases to answer from."))
    _check_unsupported(chat)
    if options.regenerate and options.conversation_id is None:
        raise _wrong_field(
            "karez.conversation_id",
            _("“karez.regenerate” needs the conversation whose last question it is about."),
        )
    if options.trace or options.draft:
        _check_trial(options, is_assistant=is_assistant)
    earlier = chat.messages if options.regenerate else chat.messages[:-1]
    return Question(
        principal=principal,
        text="" if options.regenerate else _last_question(chat.messages),
        assistant_slug=chat.model.removeprefix(ASSISTANT_PREFIX) if is_assistant else "",
        knowledge_base_ids=None if bases is None else tuple(bases),
        model="" if is_assistant else chat.model,
        top_k=options.top_k,
        conversation_id=options.conversation_id,
        turns=_turns(earlier),
        instructions=_instructions(earlier),
        user=chat.user or "",
        regenerate=options.regenerate,
        trial=_trial(options),
    )


def _check_trial(options: KarezOptions, *, is_assistant: bool) -> None:
    """A trial is of an assistant, and of no conversation."""
    name = "karez.draft" if options.draft else "karez.trace"
    if not is_assistant:
        raise _wrong_field(name, _("Only an assistant can be tried: send “assistant:…” as the model."))
    if options.conversation_id or options.regenerate:
        raise _wrong_field(name, _("What is tried is kept in no conversation: leave the conversation out."))


def _trial(options: KarezOptions) -> Trial | None:
    if not (options.trace or options.draft):
        return None
    draft = options.draft or Draft()
    bases = options.knowledge_bases if draft.knowledge_bases is None else draft.knowledge_bases
    return Trial(
        instructions=draft.instructions,
        knowledge_base_ids=None if bases is None else tuple(bases),
        route=draft.route,
        top_k=options.top_k or draft.top_k,
        trace=options.trace,
    )


def _check_unsupported(chat: ChatRequest) -> None:
    """An answer from documents is one text with citations: what asks for something else must not be ignored in silence."""
    if chat.n and chat.n > 1:
        raise unsupported("n")
    for name, harmless in _UNSUPPORTED.items():
        value = (chat.model_extra or {}).get(name)
        if value and value not in harmless:
            raise unsupported(name)


def _last_question(messages: Sequence[ChatMessage]) -> str:
    place = len(messages) - 1
    text = text_of(messages[place], place)
    if messages[place].role != "user" or not text.strip():
        raise _wrong_field(f"messages.{place}", _("The last message must be the user's question."))
    if len(text) > LONGEST_QUESTION:
        raise InvalidInput(
            code="context_length_exceeded",
            field="messages",
            detail=_("The question has %(length)s characters; at most %(limit)s are read.")
            % {"length": len(text), "limit": LONGEST_QUESTION},
            remedy=_("Shorten the question."),
        )
    return text


def _wrong_field(field: str, detail: str) -> InvalidInput:
    return InvalidInput(code="invalid_field", field=field, detail=detail)


def sampling_of(chat: ChatRequest) -> dict[str, Any]:
    """The parameters that shape the answer's text, as they were sent."""
    return {name: value for name in _SAMPLING if (value := getattr(chat, name)) is not None}


def text_of(message: ChatMessage, place: int) -> str:
    """The text of a message that may come in parts. Raises InvalidInput for anything but text."""
    if not isinstance(message.content, list):
        return message.content or ""
    for part in message.content:
        if part.type not in ("text", "input_text") or part.text is None:
            raise InvalidInput(
                code="unsupported_content",
                field=f"messages.{place}.content",
                detail=_("Only text can be asked, not “%(type)s”.") % {"type": part.type},
            )
    return "\n".join(part.text or "" for part in message.content)


def _turns(messages: Sequence[ChatMessage]) -> tuple[Turn, ...]:
    turns: list[Turn] = []
    question = ""
    for place, message in enumerate(messages):
        if message.role == "user":
            question = text_of(message, place)
        elif message.role == "assistant" and question:
            turns.append(Turn(question=question, answer=text_of(message, place)))
            question = ""
    return tuple(turns)


def _instructions(messages: Sequence[ChatMessage]) -> str:
    system = [text_of(m, place) for place, m in enumerate(messages) if m.role in ("system", "developer")]
    return "\n".join(filter(None, system))

"""Conversations over ninety days: who asks, of which assistant, and how it ends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from controlplane.chat.selectors import searchable
from controlplane.metering.seeding.chance import Chance, Seed
from controlplane.metering.seeding.documents import Cited
from controlplane.metering.seeding.loading import NULL, Target, line
from controlplane.metering.seeding.organisation import Asked, Seeded
from controlplane.metering.seeding.texts import question, refusal, sentences

DAYS = 90
MESSAGES_OF_A_CONVERSATION = 6
CONVERSATIONS = Target(
    "chat_conversation",
    {
        "id": "uuid",
        "created_at": "ms",
        "updated_at": "ms",
        "actor": "text",
        "assistant_id": "uuid",
        "department_id": "uuid",
        "title": "text",
        "searched": "text",
    },
    {"user": "''"},
)
MESSAGES = Target(
    "chat_message",
    {
        "id": "uuid",
        "created_at": "ms",
        "conversation_id": "uuid",
        "role": "text",
        "status": "text",
        "content": "text",
        "standalone_question": "text",
        "reason": "text",
        "model": "text",
        "prompt_tokens": "integer",
        "completion_tokens": "integer",
        "first_token_ms": "integer",
        "total_ms": "integer",
    },
    {"reasoning": "''"},
)
CITATIONS = Target(
    "chat_citation",
    {
        "id": "uuid",
        "created_at": "ms",
        "message_id": "uuid",
        "index": "smallint",
        "document_id": "uuid",
        "title": "text",
    },
    {"passage_id": "0", "page": "1", "section": "''", "start": "20", "end": "23"},
)
FEEDBACK = Target(
    "chat_feedback",
    {
        "id": "uuid",
        "created_at": "ms",
        "updated_at": "ms",
        "message_id": "uuid",
        "conversation_id": "uuid",
        "department_id": "uuid",
        "actor": "text",
        "rating": "text",
        "reasons": "varchar(16)[]",
        "comment": "text",
    },
    {},
)
_MODELS = ("deepseek-r1", "deepseek-v3")
_COMPLAINTS = ("wrong", "incomplete", "wrong_source", "outdated", "unclear", "refused", "other")
_REASONS = ("weak_evidence", "weak_evidence", "nothing_found", "model_declined", "unsupported_answer")


@dataclass(slots=True)
class Batch:
    """The lines of some conversations, by table."""

    conversations: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    citations: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)

    def tables(self) -> tuple[tuple[Target, list[str]], ...]:
        return (
            (CONVERSATIONS, self.conversations),
            (MESSAGES, self.messages),
            (CITATIONS, self.citations),
            (FEEDBACK, self.feedback),
        )


@dataclass(frozen=True, slots=True)
class _Conversation:
    id: str
    actor: str
    assistant: Asked


def batches(
    seeded: Seeded, *, messages: int, seed: Seed, until: int, documents: Sequence[Cited], size: int
) -> Iterator[Batch]:
    """Each of about `size` messages, in the order of time; together `messages`."""
    chance = Chance(seed, "conversations")
    # More than are needed, thinned out: the last ones must not all be missing.
    count = 2 * messages // MESSAGES_OF_A_CONVERSATION or 1
    starts = chance.times(count=count, until=until - 3_600_000, days=DAYS)
    batch, written = Batch(), 0
    for place, start in enumerate(starts):
        if written * count > messages * place:
            continue
        before = len(batch.messages)
        _converse(batch, seeded, chance, start, documents, messages - written)
        written += len(batch.messages) - before
        if len(batch.messages) >= size:
            yield batch
            batch = Batch()
    yield batch


def _converse(
    batch: Batch, seeded: Seeded, chance: Chance, start: int, documents: Sequence[Cited], most: int
) -> None:
    held = _Conversation(chance.id_at(start), chance.skewed(seeded.actors), chance.skewed(seeded.assistants))
    turns = min(1 + int(chance.random() * (MESSAGES_OF_A_CONVERSATION - 1)), most // 2)
    asked, at = [question(chance) for _ in range(turns)], start
    for text in asked:
        at = _turn(batch, chance, held, at, text, documents)
    if turns:
        searched = r"\n".join(searchable(text=text) for text in (asked[0], *asked))
        of = (held.assistant.id, held.assistant.department_id)
        batch.conversations.append(line(held.id, start, at, held.actor, *of, asked[0], searched))


def _turn(
    batch: Batch, chance: Chance, held: _Conversation, at: int, asked: str, documents: Sequence[Cited]
) -> int:
    """One question with its answer, if it got one; returns when the next may come."""
    drawn = chance.random()
    status = (
        "answered" if drawn < 0.82 else "refused" if drawn < 0.93 else "stopped" if drawn < 0.96 else "failed"
    )
    reason = (
        chance.choice(_REASONS) if status == "refused" else "engine_unavailable" if status == "failed" else ""
    )
    said = ("question", status, asked, asked, reason, "", 0, 0, NULL, NULL)
    batch.messages.append(line(chance.id_at(at), at, held.id, *said))
    if status == "failed":
        return at + 20_000
    return _answer(batch, chance, held, at, (status, reason), documents)


def _answer(
    batch: Batch,
    chance: Chance,
    held: _Conversation,
    at: int,
    outcome: tuple[str, str],
    documents: Sequence[Cited],
) -> int:
    status, reason = outcome
    first = int(chance.lognormvariate(6.7, 0.6))
    tokens = 0 if status == "refused" else chance.randrange(60, 700)
    whole = first + tokens * 28
    content = refusal(chance) if status == "refused" else sentences(chance, chance.randrange(2, 6))
    model = _MODELS[chance.random() < 0.3]
    answer, told = chance.id_at(at + 1), at + whole
    spent = (chance.randrange(900, 4_000), tokens, first, whole)
    batch.messages.append(line(answer, told, held.id, "answer", status, content, "", reason, model, *spent))
    if status == "answered" and documents and chance.random() < 0.94:
        for index in range(1, chance.randrange(2, 4)):
            cited = chance.skewed(documents)
            batch.citations.append(line(chance.id_at(told), told, answer, index, cited.id, cited.title))
    if chance.random() < 0.06:
        rating, reasons = (
            ("up", "{}") if chance.random() < 0.7 else ("down", "{" + chance.choice(_COMPLAINTS) + "}")
        )
        of = (answer, held.id, held.assistant.department_id, held.actor)
        batch.feedback.append(line(chance.id_at(told), told, told, *of, rating, reasons, ""))
    return told + chance.randrange(20_000, 200_000)

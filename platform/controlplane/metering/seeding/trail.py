"""Audit events through the chain's own trigger: each is linked, and the chain can be verified.

The trigger tells the time, so that all of them happened while this ran.
"""

import json
from collections.abc import Iterator, Sequence

from controlplane.metering.seeding.chance import Chance, Seed
from controlplane.metering.seeding.documents import Made
from controlplane.metering.seeding.loading import Target, line
from controlplane.metering.seeding.organisation import Seeded
from controlplane.metering.seeding.texts import question

# Each event leaves a dead version of the chain's head, which only a commit lets go: the longer the transaction, the longer
# the search for the living one.
EVENTS = Target(
    "audit_auditevent",
    {"place": "place", "actor": "text", "action": "text", "target": "text", "data": "jsonb"},
    {},
    order_by="place",
    batch=1_000,
)


def event_lines(
    seeded: Seeded, *, count: int, seed: Seed, until: int, documents: Sequence[Made]
) -> Iterator[str]:
    chance = Chance(seed, "trail")
    made = 0
    while made < count:
        for actor, action, target, data in _happened(seeded, chance, until, documents)[: count - made]:
            made += 1
            yield line(made, actor, action, target, json.dumps(data, ensure_ascii=False))


def _happened(
    seeded: Seeded, chance: Chance, until: int, documents: Sequence[Made]
) -> list[tuple[str, str, str, dict[str, object]]]:
    actor, drawn = chance.skewed(seeded.actors), chance.random()
    if drawn < 0.08 and documents:
        document = chance.skewed(documents)
        name = f"文件{document.number}.pdf"
        return [
            (actor, "document.uploaded", f"document:{_dashed(document.id)}", {"filename": name, "version": 1})
        ]
    if drawn < 0.1:
        return [(actor, "search.asked", "", {"query": question(chance), "results": 6})]
    asked, answer, conversation = (chance.id_at(until - chance.randrange(7_000_000_000)) for _ in range(3))
    model = "deepseek-r1"
    cited = [_dashed(chance.skewed(documents).id)] if documents else []
    told: dict[str, object] = {
        "question": _dashed(asked),
        "model": model,
        "documents": cited,
        "prompt_tokens": 900,
        "completion_tokens": 200,
    }
    ends = "answer.given" if drawn < 0.88 else "answer.refused"
    first: dict[str, object] = {
        "conversation": _dashed(conversation),
        "assistant": "credit-assistant",
        "model": model,
    }
    return [
        (actor, "question.asked", f"message:{_dashed(asked)}", first | {"question": question(chance)}),
        (actor, ends, f"message:{_dashed(answer)}", told),
    ]


def _dashed(id_: str) -> str:
    return f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"

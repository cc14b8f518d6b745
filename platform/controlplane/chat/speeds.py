"""How fast models answered lately, from the answers of a tenant."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.utils import timezone

from controlplane.chat.models import Message, MessageRole, MessageStatus
from controlplane.core.scope import tenant_scope

_WINDOW = timedelta(hours=24)
_MOST = 300


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of the last day's answers, at most the newest few hundred of all models."""

    answers: int
    first_token_ms: int
    tokens_per_second: float | None


def recent_speeds(*, tenant_id: UUID) -> dict[str, Speed]:
    """By model. Whoever asked; nothing but times leaves this function. One query, bounded by the ids of a day."""
    with tenant_scope(tenant_id):
        rows = list(
            Message.objects.filter(
                tenant_id=tenant_id,
                pk__gte=_first_id(timezone.now() - _WINDOW),
                role=MessageRole.ANSWER,
                status=MessageStatus.ANSWERED,
                first_token_ms__isnull=False,
            )
            .order_by("-pk")
            .values_list("model", "first_token_ms", "total_ms", "completion_tokens")[:_MOST]
        )
    first: dict[str, list[int]] = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    for model, first_ms, total_ms, tokens in rows:
        first[model].append(first_ms or 0)
        if total_ms and tokens and total_ms > (first_ms or 0):
            rates[model].append(tokens * 1000 / (total_ms - (first_ms or 0)))
    return {
        model: Speed(
            answers=len(times),
            first_token_ms=round(median(times)),
            tokens_per_second=round(median(rates[model]), 1) if rates[model] else None,
        )
        for model, times in first.items()
    }


def _first_id(at: datetime) -> UUID:
    """The lowest version 7 UUID of that moment."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (0b10 << 62))

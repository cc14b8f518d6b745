"""Finding events of a long trail.

Row-level security lets an index serve only comparisons that leak nothing: equality and order. A text is therefore looked for
by reading, newest first, and no further than a page may take; the page says how far it has come, and the next goes on there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Lower, StrIndex

from controlplane.audit.models import AuditEvent
from controlplane.audit.selectors import event_list

# Events in which a page looks for a text (bench/README.md has the time).
READ_AT_ONCE = 10_000
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class EventQuery:
    """`start` until before `end`. `document` are the events of which it is the target. `text` stands in the actor, action,
    target or data, in either case of its letters. (Of the first three none is ever written in upper case.)"""

    action: str = ""
    actor: str = ""
    target: str = ""
    conversation: str = ""
    document: str = ""
    start: datetime | None = None
    end: datetime | None = None
    text: str = ""

    def narrowest(self) -> "EventQuery | None":
        """The one condition by which an index finds what may be read for a text; None where there is none."""
        for name in ("conversation", "document", "target", "actor"):
            value = getattr(self, name)
            if value and not value.endswith("*"):
                return EventQuery(**{name: value})
        return None

    def described(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
            for name, value in values.items()
            if value
        }


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """`following`: the sequence before which the search goes on; None when all has been looked at."""

    events: list[AuditEvent]
    following: int | None


def events_matching(*, tenant_id: UUID, query: EventQuery) -> QuerySet[AuditEvent]:
    """All of them, newest first. Where a text is asked for, read it by `events_found`."""
    events = event_list(
        tenant_id=tenant_id,
        action=query.action,
        actor=query.actor,
        target=f"document:{query.document}" if query.document else query.target,
    )
    if query.document and query.target:
        events = events.filter(target=query.target)
    if query.conversation:
        of_it = Q(conversation=query.conversation) | Q(target=f"conversation:{query.conversation}")
        events = events.filter(of_it)
    events = _between(events, tenant_id, query)
    return _holding(events, query.text[:LONGEST_TEXT]) if query.text else events


def _between(events: QuerySet[AuditEvent], tenant_id: UUID, query: EventQuery) -> QuerySet[AuditEvent]:
    """By the sequence too, in whose order the list is read: it then begins and ends where the period does.

    The events' times follow their sequence as far as the server's clock never goes back.
    """
    of_tenant = AuditEvent.objects.filter(tenant_id=tenant_id)
    if query.start:
        events = events.filter(at__gte=query.start)
        before = of_tenant.filter(at__lt=query.start).order_by("-at", "-sequence").values_list("sequence")[:1]
        if first := before.first():
            events = events.filter(sequence__gt=first[0])
    if query.end:
        events = events.filter(at__lt=query.end)
        after = of_tenant.filter(at__gte=query.end).order_by("at", "sequence").values_list("sequence")[:1]
        if last := after.first():
            events = events.filter(sequence__lt=last[0])
    return events


def _holding(events: QuerySet[AuditEvent], text: str) -> QuerySet[AuditEvent]:
    """`strpos` reads several times as fast as LIKE, and most of what is asked here has no upper and lower case."""
    wanted = text.lower()
    data = Cast("data", TextField())
    told = data if wanted == text.upper() else Lower(data)
    places = {"in_data": told, "in_action": F("action"), "in_actor": F("actor"), "in_target": F("target")}
    events = events.alias(**{name: StrIndex(place, Value(wanted)) for name, place in places.items()})
    found = Q()
    for name in places:
        found |= Q(**{f"{name}__gt": 0})
    return events.filter(found)


def events_found(*, tenant_id: UUID, query: EventQuery, before: int | None, limit: int) -> FoundEvents:
    """One page of a search, from the event before `before` on, or from the newest. It may hold fewer than `limit` events,
    and none at all, though there are more: then it has read as much as a page may."""
    events = events_matching(tenant_id=tenant_id, query=query)
    if before is None:
        before = _newest(tenant_id) + 1
    lowest = _lowest(tenant_id, query, before)
    found = list(events.filter(sequence__lt=before, sequence__gt=lowest)[: limit + 1])
    if len(found) > limit:
        return FoundEvents(found[:limit], found[limit - 1].sequence)
    return FoundEvents(found, lowest + 1 if lowest else None)


def _lowest(tenant_id: UUID, query: EventQuery, before: int) -> int:
    """Down to which event a page reads: `READ_AT_ONCE` of the whole trail, or of what the actor or target alone has there,
    which may be a key that was used a million times."""
    narrowest = query.narrowest()
    if narrowest is None:
        return max(0, before - 1 - READ_AT_ONCE)
    own = events_matching(tenant_id=tenant_id, query=narrowest).filter(sequence__lt=before)
    beyond = own.values_list("sequence", flat=True)[READ_AT_ONCE : READ_AT_ONCE + 1]
    return next(iter(beyond), 0)


def _newest(tenant_id: UUID) -> int:
    newest = AuditEvent.objects.filter(tenant_id=tenant_id).order_by("-sequence")
    return newest.values_list("sequence", flat=True).first() or 0


def events_page(*, tenant_id: UUID, query: EventQuery, before: int | None, limit: int) -> FoundEvents:
    """As `events_found`; without a text a page is full wherever there is enough for it."""
    if query.text:
        return events_found(tenant_id=tenant_id, query=query, before=before, limit=limit)
    events = events_matching(tenant_id=tenant_id, query=query)
    if before is not None:
        events = events.filter(sequence__lt=before)
    found = list(events[: limit + 1])
    return FoundEvents(found[:limit], found[limit - 1].sequence if len(found) > limit else None)

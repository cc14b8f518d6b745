"""Who stands behind the actors of rows and events: `user:<id>`, `key:<id>`, `system`."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from controlplane.identity.models import ApiKey, User


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is empty for who is not known here any more, and for the platform itself."""

    kind: str
    id: UUID | None = None
    name: str = ""
    email: str = ""


def actors_of(*, tenant_id: UUID, actors: Iterable[str]) -> dict[str, Actor]:
    """Each by its text. Two queries, for people and keys in sight; none where there are none."""
    found = {text: _parsed(text) for text in set(actors)}
    users = {a.id for a in found.values() if a.kind == "user" and a.id}
    keys = {a.id for a in found.values() if a.kind == "key" and a.id}
    people = {u.pk: u for u in User.objects.filter(pk__in=users)} if users else {}
    named = (
        dict(ApiKey.objects.filter(tenant_id=tenant_id, pk__in=keys).values_list("pk", "name"))
        if keys
        else {}
    )
    for text, actor in found.items():
        if actor.id is None:
            continue
        if actor.kind == "user" and (person := people.get(actor.id)) is not None:
            found[text] = Actor("user", actor.id, person.name or person.email, person.email)
        elif actor.kind == "key" and actor.id in named:
            found[text] = Actor("key", actor.id, named[actor.id])
    return found


def _parsed(text: str) -> Actor:
    kind, _colon, id_ = text.partition(":")
    try:
        return Actor(kind, UUID(id_)) if id_ else Actor(kind)
    except ValueError:
        return Actor(kind)

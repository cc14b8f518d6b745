"""Who stands behind the actors of rows and events: `user:<id>`, `key:<id>`, `system`."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from controlplane.identity.models import ApiKey, User


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is empty for who is not known here any more, and for the platform itself."""

    kind: str
    id: UUID | None = None
    name: str = ""
    email: str = ""

    @property
    def text(self) -> str:
        return f"{self.kind}:{self.id}" if self.id else self.kind


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


def actors_matching(*, tenant_id: UUID, q: str, most: int = 10) -> list[Actor]:
    """People in sight and keys whose name or address has the text in it."""
    if not (q := q.strip().replace("\x00", "")):
        return []
    people = User.objects.filter(Q(name__icontains=q) | Q(email__icontains=q)).order_by("email")[:most]
    keys = ApiKey.objects.filter(tenant_id=tenant_id, name__icontains=q).order_by("name", "pk")[:most]
    found = [Actor("user", person.pk, person.name or person.email, person.email) for person in people]
    return [*found, *(Actor("key", key.pk, key.name, key.prefix) for key in keys)]


def _parsed(text: str) -> Actor:
    kind, _colon, id_ = text.partition(":")
    try:
        return Actor(kind, UUID(id_)) if id_ else Actor(kind)
    except ValueError:
        return Actor(kind)

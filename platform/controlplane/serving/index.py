"""Replicas by what callers say, and which of them a new request may go to. Pure: from views to a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.endpoints import EngineEndpoint, EngineKind
from inference.fleet import Replica

Named = tuple[EngineKind, str]


@dataclass(frozen=True, slots=True)
class ReplicaIndex:
    """By kind and name: who may be sent requests (`fit`), all there are, and the name of who stands in for them."""

    fit: Mapping[Named, Sequence[EngineEndpoint]]
    views: Mapping[Named, Sequence[Replica]]
    everything: Sequence[Replica]
    stand_ins: Mapping[Named, str]


def index_of(*, replicas: Sequence[Replica]) -> ReplicaIndex:
    """By deployment and by route; a route that is a deployment's name is that deployment."""
    views: dict[Named, list[Replica]] = {}
    for view in replicas:
        views.setdefault((view.endpoint.kind, view.endpoint.name), []).append(view)
    named = set(views)
    for view in replicas:
        for route in view.endpoint.routes:
            if (view.endpoint.kind, route) not in named:
                views.setdefault((view.endpoint.kind, route), []).append(view)
    fit = {key: [view.endpoint for view in fittest(replicas=found)] for key, found in views.items()}
    stand_ins = {key: name for key, found in views.items() if (name := _stand_in(found))}
    return ReplicaIndex(fit, views, replicas, stand_ins)


def _stand_in(replicas: Sequence[Replica]) -> str:
    return next((view.endpoint.overflow_to for view in replicas if view.endpoint.overflow_to), "")


def fittest(*, replicas: Sequence[Replica]) -> Sequence[Replica]:
    """Those that new requests may go to: all that answer, as far as anybody has looked; else those that have not answered
    yet; and failed ones where there is nothing else. None of those that drain."""
    answering = [r for r in replicas if r.answers]
    return (
        answering or [r for r in replicas if r.takes_requests] or [r for r in replicas if r.state == "failed"]
    )

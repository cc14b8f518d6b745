"""Another model in the place of one that is full or away. Whether it may answer, the limits of who asks say; that it did, the
answer says."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controlplane.api.openai.fitting import with_room
from controlplane.api.openai.names import Way
from controlplane.core.problems import InvalidInput
from controlplane.serving.registry import Registry


def stand_in(*, engines: Registry, way: Way, body: Mapping[str, Any], size: int) -> Way | None:
    """The way to it, from memory; None where nobody stands in, or has room for a request of that size."""
    found = engines.stand_in(name=way.name)
    if not found:
        return None
    try:
        return replace(way, replicas=with_room(replicas=found, body=body, size=size), stands_in=True)
    except InvalidInput:
        return None

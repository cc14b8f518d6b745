"""Deployments with what was last seen of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from inference.endpoints import EngineEndpoint, EngineKind

State = Literal["ready", "down", "unknown"]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A model on one engine, with what was last seen of it."""

    endpoint: EngineEndpoint
    state: State
    # When this process first saw it in that state; None while it is not known.
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class SeenDeployment:
    """What this process last saw of a deployment, `age` seconds ago; None where it has not looked yet."""

    name: str
    kind: EngineKind
    state: State
    age: float | None

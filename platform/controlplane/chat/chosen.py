"""Which engines an answer may come from, and what the one who asked is told of the choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from controlplane.chat.questions import ReceivedQuestion
from controlplane.core.problems import Unavailable
from controlplane.serving.problems import engine_unavailable
from controlplane.serving.registry import Registry
from inference.endpoints import EngineEndpoint
from inference.router.question import AUTO, route_of


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers for `name`; nobody when there is no engine at all. `route` and `reason`: what was chosen for a question that
    left it open, and why."""

    name: str
    engines: Sequence[EngineEndpoint] = ()
    route: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Spare:
    """Who stands in; `pressed`: those who were asked would not answer at once."""

    engines: Sequence[EngineEndpoint] = ()
    pressed: bool = False


async def chosen(*, registry: Registry, received: ReceivedQuestion) -> Choice:
    """An assistant makes do with any chat model; who names one gets that one or none. Raises NotFound, Unavailable."""
    name = received.route
    if received.names_model and registry.configured:
        try:
            return Choice(name, await registry.find(name=name))
        except Unavailable as error:
            raise engine_unavailable(kept=True) from error
    if name != AUTO:
        return Choice(name, await registry.find_for_route(route=name))
    choice = route_of(body={"prompt": received.text})
    engines = await registry.find_for_route(route=choice.route)
    if not engines:
        return Choice(name)
    # Where nothing serves the route that the question wants, the one kind of model there is answers.
    is_served = any(choice.route in (engine.name, *engine.routes) for engine in engines)
    return Choice(choice.route, engines, choice.route, choice.reason if is_served else "only")


def spare_of(*, registry: Registry, choice: Choice) -> Spare:
    """No small model for one that judges its passages by itself: whether they answer was not asked beforehand."""
    found = registry.stand_in(name=choice.name)
    if choice.engines and choice.engines[0].profile != "small":
        found = [engine for engine in found if engine.profile != "small"]
    return Spare(found, bool(found) and not registry.router.has_room(endpoints=choice.engines))

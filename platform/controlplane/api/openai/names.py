"""The names that a request may call a model by, and who answers to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from django.conf import settings

from controlplane.api.openai.conversation import ASSISTANT_PREFIX
from controlplane.assistants.selectors import usable_assistant_list
from controlplane.core.offload import in_thread
from controlplane.core.problems import Unavailable
from controlplane.core.scope import scoped
from controlplane.documents.embedding import embedding_client
from controlplane.identity.principal import Principal
from controlplane.serving.problems import model_not_found
from controlplane.serving.registry import Registry, registry
from inference.endpoints import EngineEndpoint, EngineKind
from inference.router.question import AUTO, ROUTES, route_of


@dataclass(frozen=True, slots=True)
class Way:
    """Who answers a request that asks for `name`. `route` and `reason`: what was chosen for one that left the choice open, and
    why. `stands_in`: they are not who was asked for, but who stands in for them."""

    name: str
    replicas: Sequence[EngineEndpoint]
    route: str = ""
    reason: str = ""
    stands_in: bool = False

    def to(self, replicas: Sequence[EngineEndpoint]) -> Self:
        """To some of them."""
        return self if replicas is self.replicas else replace(self, replicas=replicas)


async def way_of(
    engines: Registry, *, name: str, kind: EngineKind, principal: Principal, body: Mapping[str, Any]
) -> Way:
    """As `replicas_of`; `auto` goes by the question. Where only the other kind of model is served, that one answers
    (`only`)."""
    if name == AUTO and kind == "chat":
        choice = route_of(body=body)
        if found := engines.known(name=choice.route):
            return Way(choice.route, found, choice.route, choice.reason)
        served = await engines.names()
        for route in sorted(ROUTES, key=lambda route: route != choice.route):
            if route in served:
                reason = choice.reason if route == choice.route else "only"
                return Way(route, await _found(engines, route), route, reason)
    return Way(name, await replicas_of(engines, name=name, kind=kind, principal=principal))


async def replicas_of(
    engines: Registry, *, name: str, kind: EngineKind, principal: Principal
) -> Sequence[EngineEndpoint]:
    """The engines behind the name, the one to try first at the front; none while an engine that might serve it does not say so.

    Raises NotFound that names what there is.
    """
    if found := engines.known(name=name, kind=kind):
        return found
    if kind == "embedding":
        return [await _embedding_endpoint(engines, name)]
    if kind == "rerank":
        return await engines.find(name=name, kind=kind)
    known = await engines.names()
    if name in known:
        return await _found(engines, name)
    if await engines.is_silent():
        return []
    slugs = await in_thread(assistants_of, principal)
    raise model_not_found(name=name, known=[*known, *(f"{ASSISTANT_PREFIX}{slug}" for slug, _name in slugs)])


async def _found(engines: Registry, name: str) -> Sequence[EngineEndpoint]:
    """None while nobody takes requests but those who stand in."""
    try:
        return await engines.find(name=name)
    except Unavailable:
        if engines.stand_in(name=name):
            return []
        raise


async def check_assistant(slug: str, principal: Principal) -> None:
    """Raise NotFound that names the assistants there are, unless it is one of them."""
    assistants = await in_thread(assistants_of, principal)
    if slug not in dict(assistants):
        known = [*await registry().names(), *(f"{ASSISTANT_PREFIX}{known}" for known, _name in assistants)]
        raise model_not_found(name=f"{ASSISTANT_PREFIX}{slug}", known=known)


def assistants_of(principal: Principal) -> list[tuple[str, str]]:
    """Slug and name of those that the principal may use."""
    with scoped(principal.scope()):
        return list(usable_assistant_list(principal=principal).order_by("slug").values_list("slug", "name"))


async def _embedding_endpoint(engines: Registry, name: str) -> EngineEndpoint:
    env = settings.ENV
    served = embedding_client().model.name
    if name in (env.embedding_model, served):
        return EngineEndpoint(
            name=name,
            base_url=env.embedding_url.rstrip("/"),
            model=served,
            api_key=env.embedding_api_key.get_secret_value(),
            kind="embedding",
        )
    known = [env.embedding_model, *await engines.names(kind="embedding")]
    if name not in known and not await engines.is_silent():
        raise model_not_found(name=name, known=known)
    return (await engines.find(name=name, kind="embedding"))[0]

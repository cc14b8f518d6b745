"""The engines of KAREZ_ENGINES and of the registry, as they answer now.

A setting that gives only a URL is completed by asking the server for its models; an engine that is down at start is asked
again when somebody needs it. Nothing here is stored: the setting and the registry (`serving.fleet`) are the truth, the rest is
remembered for seconds.
"""

import asyncio
import time
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from controlplane.serving.fleet import Fleet, fleet
from controlplane.serving.index import ReplicaIndex, fittest, index_of
from controlplane.serving.problems import RETRY_SECONDS, engine_unavailable, model_not_found
from controlplane.serving.seen import Deployment, SeenDeployment, State
from inference.client import EngineClient, EngineTimeouts
from inference.endpoints import EngineEndpoint, EngineKind, discover, parse_endpoints, resolve
from inference.errors import EngineError, EngineUnavailable
from inference.fleet import Replica
from inference.gateway.upstream import UpstreamLimits, UpstreamPool
from inference.router.candidate import Candidate
from inference.router.router import Router, UnderWay
from inference.work import Work

# What the watch sees, in the words of who looks for itself.
_AS_STATE: Mapping[str, State] = {
    "starting": "unknown",
    "ready": "ready",
    "saturated": "ready",
    "draining": "ready",
    "failed": "down",
}

_DISCOVERED_SECONDS = 60.0
_STATE_SECONDS = 30.0
_PROBE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Discovery:
    endpoints: tuple[EngineEndpoint, ...]
    until: float


@dataclass(frozen=True, slots=True)
class _Index:
    """Good until then, and while the fleet is of that generation."""

    of: ReplicaIndex
    until: float
    generation: int


class Registry:
    """Finds the engines that serve a name. `endpoints` is what the setting says; those of the fleet are added to them."""

    def __init__(
        self, *, endpoints: Sequence[EngineEndpoint], timeouts: EngineTimeouts, fleet: Fleet | None = None
    ) -> None:
        self._given = tuple(endpoints)
        self._fleet = fleet or Fleet()
        self.work = Work()
        self._timeouts = timeouts
        self._discovered: dict[str, _Discovery] = {}
        self._states: dict[tuple[str, str], tuple[State, float]] = {}
        self._since: dict[tuple[str, str], tuple[State, datetime]] = {}
        self.router = Router()
        self._index: _Index | None = None
        self._asking: set[asyncio.Task[None]] = set()
        # A pool of connections belongs to the event loop that opened it.
        self._http: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )
        # The one that was used last: of a process that serves it is the only one.
        self._last_pool: tuple[asyncio.AbstractEventLoop, UpstreamPool] | None = None
        self._pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, UpstreamPool] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def configured(self) -> bool:
        """Whether there is any engine at all."""
        return bool(self._given or self._fleet.registered)

    async def endpoints(self) -> tuple[EngineEndpoint, ...]:
        """Those that are known by now: of the setting in its order, and the registered ones."""
        found = await asyncio.gather(*(self._resolved(endpoint) for endpoint in self._given))
        return self._with_registered(endpoint for group in found for endpoint in group)

    def _with_registered(self, given: Iterable[EngineEndpoint]) -> tuple[EngineEndpoint, ...]:
        """A model on a server that is registered and in the setting too is what the registry says of it."""
        registered = [replica.endpoint for replica in self._fleet.registered]
        known = {(endpoint.base_url, endpoint.model) for endpoint in registered}
        return (*(e for e in given if (e.base_url, e.model) not in known), *registered)

    async def names(self, *, kind: EngineKind = "chat") -> list[str]:
        """The deployments and routes that a request may name."""
        endpoints = [endpoint for endpoint in await self.endpoints() if endpoint.kind == kind]
        names = [endpoint.name for endpoint in endpoints]
        return list(dict.fromkeys(names + [route for endpoint in endpoints for route in endpoint.routes]))

    async def find(self, *, name: str, kind: EngineKind = "chat") -> list[EngineEndpoint]:
        """The replicas behind a deployment or a route, the one to try first at the front.

        Raises NotFound naming the models there are, and Unavailable when an engine that might serve the name does not say
        what it serves.
        """
        endpoints = [endpoint for endpoint in await self.endpoints() if endpoint.kind == kind]
        named = [e for e in endpoints if e.name == name] or [e for e in endpoints if name in e.routes]
        if fit := self._fit(named):
            return self._ordered(fit)
        if named:
            raise engine_unavailable()  # all of them drain
        if await self.is_silent():
            raise engine_unavailable()
        raise model_not_found(name=name, known=await self.names(kind=kind))

    def known(self, *, name: str, kind: EngineKind = "chat") -> Sequence[EngineEndpoint]:
        """As `find`, from memory, asking nobody and in no order; empty where that does not tell."""
        return self._current_index().fit.get((kind, name), ())

    def stand_in(self, *, name: str, kind: EngineKind = "chat") -> Sequence[EngineEndpoint]:
        """Who answers in the place of a deployment or route that is full or away; none without room for another request."""
        index = self._current_index()
        found = index.fit.get((kind, index.stand_ins.get((kind, name), "")), ())
        return found if found and self.router.has_room(endpoints=found) else ()

    def replicas(self, *, name: str, kind: EngineKind = "chat") -> Sequence[Replica]:
        """All behind a deployment or a route, those that take no requests included, from memory and asking nobody."""
        return self._current_index().views.get((kind, name), ())

    def all_replicas(self) -> Sequence[Replica]:
        """Of every name, as `replicas`."""
        return self._current_index().everything

    def in_flight(self, *, replica: Replica) -> int:
        """Requests of this process that its server has not answered to their ends."""
        return self.work.held(base_url=replica.endpoint.base_url)

    def _current_index(self) -> ReplicaIndex:
        """As far as engines have said what they serve. Others are asked meanwhile."""
        index, generation = self._index, self._fleet.generation
        if index is None or index.until <= time.monotonic() or index.generation != generation:
            endpoints, lasting = self._known_endpoints()
            of = index_of(replicas=self._views(endpoints))
            if index is None or index.generation != generation:
                self._tell_router(of.everything)
            index = self._index = _Index(of, time.monotonic() + lasting, generation)
        return index.of

    def _tell_router(self, views: Sequence[Replica]) -> None:
        """What the watch saw just now. Of what it has not seen the router goes by this process's own requests."""
        self.router.keep(endpoints=[view.endpoint for view in views])
        for view in views:
            candidate = self.router.candidate(endpoint=view.endpoint)
            candidate.capacity = view.capacity
            candidate.told(
                state="unknown" if view.since is None else view.state,
                running=view.running,
                waiting=view.waiting,
                kv_usage=view.kv_usage,
            )

    def _views(self, endpoints: Sequence[EngineEndpoint]) -> list[Replica]:
        registered = {replica.endpoint: replica for replica in self._fleet.registered}
        return [self._fleet.replica(endpoint=e, registered=registered.get(e)) for e in endpoints]

    def _fit(self, endpoints: Sequence[EngineEndpoint]) -> list[EngineEndpoint]:
        """Those that may be sent a request."""
        return [view.endpoint for view in fittest(replicas=self._views(endpoints))]

    def _known_endpoints(self) -> tuple[tuple[EngineEndpoint, ...], float]:
        """As `endpoints`, and how many seconds that is good for."""
        now, lasting = time.monotonic(), _DISCOVERED_SECONDS
        endpoints: list[EngineEndpoint] = []
        for given in self._given:
            known = None if given.model else self._discovered.get(given.base_url)
            endpoints += known.endpoints if known else (given,) if given.model else ()
            if not given.model and (known is None or known.until <= now):
                lasting = RETRY_SECONDS
                self._ask_meanwhile(given)
        return self._with_registered(endpoints), lasting

    def _ask_meanwhile(self, endpoint: EngineEndpoint) -> None:
        """Nobody, where no event loop is running."""

        async def ask() -> None:
            await self._resolved(endpoint)
            self._index = None

        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        task = loop.create_task(ask())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def find_for_route(self, *, route: str) -> list[EngineEndpoint]:
        """As `find`, but any chat model will do where nothing serves the route: an assistant must answer. Empty when no
        engine is configured. Raises Unavailable."""
        chat = [endpoint for endpoint in await self.endpoints() if endpoint.kind == "chat"]
        served = [e for e in chat if e.name == route] or [e for e in chat if route in e.routes]
        fit = self._fit(served) or self._fit(chat)
        if not fit and self.configured:
            raise engine_unavailable(kept=True)
        return self._ordered(fit, kept=True)

    def client(self, *, endpoint: EngineEndpoint) -> EngineClient:
        """A client on the running event loop's connections."""
        return EngineClient(
            endpoint=endpoint, http=self._connections(), timeouts=self._timeouts, work=self.work
        )

    def pool(self) -> UpstreamPool:
        """The running event loop's connections for what is passed on as it is."""
        loop = asyncio.get_running_loop()
        last = self._last_pool
        if last is not None and last[0] is loop:
            return last[1]
        found = self._pools.get(loop)
        if found is None:
            limits = UpstreamLimits(
                connect=self._timeouts.connect,
                first_token=self._timeouts.first_token,
                idle=self._timeouts.idle,
                whole=self._timeouts.whole,
            )
            found = self._pools[loop] = UpstreamPool(limits=limits, work=self.work)
        self._last_pool = loop, found
        return found

    def under_way(self, *, endpoint: EngineEndpoint) -> UnderWay:
        """Around one request to it: others are sent elsewhere while it is busy, or after it failed."""
        return self.asking(candidate=self.router.candidate(endpoint=endpoint))

    def asking(self, *, candidate: Candidate) -> UnderWay:
        """As `under_way`, of one that the router has found."""
        return UnderWay(candidate, self._missed)

    def _missed(self, candidate: Candidate) -> None:
        self._saw((candidate.endpoint.base_url, candidate.endpoint.model), "down")

    async def deployments(self, *, anew: bool = False) -> list[Deployment]:
        """Every deployment with its state: as the watch sees it; where nobody watches, or `anew`, found by a real request at
        most every half minute, or every few seconds if `anew`.

        Takes no longer than a probe may, however many engines are silent.
        """
        oldest = _STATE_SECONDS - RETRY_SECONDS if anew else 0.0
        views = self._views(await self.endpoints())
        return await asyncio.gather(*(self._deployment(view, anew, oldest) for view in views))

    async def _deployment(self, view: Replica, anew: bool, oldest: float) -> Deployment:
        if view.since is not None and not anew:
            return Deployment(view.endpoint, _AS_STATE[view.state], view.since)
        state = await self._state(view.endpoint, oldest)
        return Deployment(view.endpoint, state, self._since_of(view.endpoint))

    @property
    def silent(self) -> list[Deployment]:
        """The servers whose models are not known, for they have not said yet which they serve."""
        return [
            Deployment(endpoint=endpoint, state="down")
            for endpoint in self._given
            if not endpoint.model
            and (known := self._discovered.get(endpoint.base_url))
            and not known.endpoints
        ]

    def _since_of(self, endpoint: EngineEndpoint) -> datetime | None:
        seen = self._since.get((endpoint.base_url, endpoint.model))
        return seen[1] if seen else None

    def _saw(self, key: tuple[str, str], state: State) -> None:
        self._states[key] = (state, time.monotonic() + _STATE_SECONDS)
        known = self._since.get(key)
        if known is None or known[0] != state:
            self._since[key] = (state, datetime.now(UTC))

    def last_seen(self) -> list[SeenDeployment]:
        """As `deployments`, without asking anybody: for who must not wait. An engine that has not said yet what it serves
        goes by its address."""
        given: list[EngineEndpoint] = []
        for each in self._given:
            known = None if each.model else self._discovered.get(each.base_url)
            given += (known and known.endpoints) or (each,)
        return [self._last_seen_of(view) for view in self._views(self._with_registered(given))]

    def _last_seen_of(self, view: Replica) -> SeenDeployment:
        endpoint = view.endpoint
        name = endpoint.name or urlsplit(endpoint.base_url).netloc
        if view.since is not None:
            return SeenDeployment(name, endpoint.kind, _AS_STATE[view.state], self._fleet.age(key=view.id))
        known = self._states.get((endpoint.base_url, endpoint.model))
        state, until = known or ("unknown", 0.0)
        age = max(0.0, time.monotonic() - until + _STATE_SECONDS) if known else None
        return SeenDeployment(name, endpoint.kind, state, age)

    async def reachable(self) -> bool:
        """Whether any engine answers at all. Cheap: no model is asked to work."""
        registered = (replica.endpoint for replica in self._fleet.registered)
        found = await asyncio.gather(*(self._answers(endpoint) for endpoint in (*self._given, *registered)))
        return any(found)

    async def _answers(self, endpoint: EngineEndpoint) -> bool:
        try:
            await discover(endpoint=endpoint, http=self._connections())
        except EngineUnavailable:
            return False
        except EngineError:
            return True  # it refuses the question, so it is there
        return True

    async def _resolved(self, endpoint: EngineEndpoint) -> tuple[EngineEndpoint, ...]:
        if endpoint.model:
            return (endpoint,)
        known = self._discovered.get(endpoint.base_url)
        if known and known.until > time.monotonic():
            return known.endpoints
        try:
            found = await resolve(endpoints=[endpoint], http=self._connections())
            lasting = _DISCOVERED_SECONDS
        except EngineError:
            # What it served before is the best guess of what it will serve when it is back.
            found, lasting = (known.endpoints if known else ()), RETRY_SECONDS
        self._discovered[endpoint.base_url] = _Discovery(found, time.monotonic() + lasting)
        return found

    async def is_silent(self) -> bool:
        """Whether some engine does not say which models it serves."""
        groups = await asyncio.gather(*(self._resolved(endpoint) for endpoint in self._given))
        return any(not group for group in groups)

    def _ordered(self, endpoints: Sequence[EngineEndpoint], *, kept: bool = False) -> list[EngineEndpoint]:
        """The one to try first at the front. Raises Unavailable when all of them are left alone for now."""
        order = self.router.order(endpoints=endpoints)
        if endpoints and not order:
            raise engine_unavailable(kept=kept, retry_after=self.router.pause(endpoints=endpoints))
        return [candidate.endpoint for candidate in order]

    async def _state(self, endpoint: EngineEndpoint, lasting: float = 0.0) -> State:
        """What was seen before counts while it is good for more than `lasting` seconds."""
        key = (endpoint.base_url, endpoint.model)
        state, until = self._states.get(key, ("unknown", 0.0))
        if until > time.monotonic() + lasting:
            return state
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self.client(endpoint=endpoint).probe()
            state = "ready"
        except (EngineUnavailable, TimeoutError):
            state = "down"
        except EngineError:
            state = "unknown"
        self._saw(key, state)
        return state

    def _connections(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._http:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
            self._http[loop] = httpx.AsyncClient(trust_env=False, limits=limits)
        return self._http[loop]


@cache
def registry() -> Registry:
    """This process's registry of the configured engines."""
    env = settings.ENV
    return Registry(
        endpoints=parse_endpoints(value=env.engines, default_api_key=env.engine_api_key.get_secret_value()),
        timeouts=EngineTimeouts(
            first_token=env.engine_first_token_seconds,
            idle=env.engine_idle_seconds,
            whole=env.engine_whole_seconds,
        ),
        fleet=fleet(),
    )

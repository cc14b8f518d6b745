"""The way in to the engines: limits of the organisation and the department, and a fair queue where an engine is full."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Forbidden, Problem, TooMany, Unavailable
from controlplane.identity.principal import Principal
from controlplane.metering.limit_cache import LimitCache
from controlplane.metering.limits import TenantLimits
from controlplane.serving.problems import engine_unavailable
from inference.admission import Gate, Left, Party, Refused, Sharing, Ticket
from inference.endpoints import EngineEndpoint

_WORDS: Mapping[tuple[str, str], Promise] = {
    ("requests", "tenant"): _("Your organisation may send %(limit)s requests a minute, and has sent them."),
    ("requests", "department"): _("Your department may send %(limit)s requests a minute, and has sent them."),
    ("tokens", "tenant"): _(
        "Your organisation may use %(limit)s tokens a minute, and this request goes beyond."
    ),
    ("tokens", "department"): _(
        "Your department may use %(limit)s tokens a minute, and this request goes beyond."
    ),
    ("concurrency", "tenant"): _("Your organisation may have %(limit)s requests answered at once, and has."),
    ("concurrency", "department"): _(
        "Your department may have %(limit)s requests answered at once, and has."
    ),
    ("queue_full", "tenant"): _("%(limit)s requests of your organisation wait for this model already."),
    ("queue_full", "pool"): _("%(limit)s requests wait for this model already."),
    ("waited_too_long", "pool"): _(
        "The model was busy for %(limit)s seconds, and this request was not answered."
    ),
}

_MOST_POOLS = 256


class _KnownPool(NamedTuple):
    """`replicas` are held, so that nothing else gets their id."""

    replicas: Sequence[EngineEndpoint]
    name: str
    capacity: int | None


class Door:
    """Of one process and event loop. `trusted` tells whether changes of limits are heard of (`core.changes`). Start `run`."""

    def __init__(self, *, trusted: Callable[[], bool]) -> None:
        self.limits = LimitCache(trusted=trusted)
        self._gate = Gate()
        # By the very sequence that was asked for: the index of the registry gives the same one until something changes.
        self._pools: dict[int, _KnownPool] = {}
        self._sharing = Sharing(gate=self._gate, url=settings.ENV.cache_url.get_secret_value())

    @property
    def is_shared(self) -> bool:
        """Whether this process agrees with the others at this moment."""
        return self._sharing.shared

    async def agree(self) -> None:
        """Hear of the other processes, before the first request: half a second at most."""
        await self._sharing.exchange()

    async def run(self) -> None:
        """Until cancelled. Valkey may go and come back."""
        await self._sharing.run()

    async def enter(
        self,
        *,
        principal: Principal,
        replicas: Sequence[EngineEndpoint],
        cost: float,
        batch: bool = False,
        told: Callable[[int], None] | None = None,
        spare: Sequence[EngineEndpoint] = (),
        pressed: bool = False,
    ) -> Ticket:
        """See `serving.entrance.Entrance`. A batch request waits, and nobody stands in for whom it asks."""
        limits = await self._limits(principal)
        party = _party(limits, principal, batch=batch)
        try:
            if spare and not batch and limits.overflow_allowed(department_id=principal.department_id):
                ticket = self._at_once(party, cost, replicas, spare, pressed=pressed)
                if ticket is not None:
                    return ticket
            if not replicas:
                raise engine_unavailable()
            pool = self._pool(replicas)
            return self._gate.try_enter(party=party, pool=pool, cost=cost) or await self._gate.enter(
                party=party, pool=pool, cost=cost, told=told
            )
        except Refused as refused:
            raise _problem(refused) from refused

    def _at_once(
        self,
        party: Party,
        cost: float,
        replicas: Sequence[EngineEndpoint],
        spare: Sequence[EngineEndpoint],
        *,
        pressed: bool,
    ) -> Ticket | None:
        """At the replicas, or else at the spare ones; None when both are full."""
        if replicas and not pressed:
            ticket = self._gate.try_enter(party=party, pool=self._pool(replicas), cost=cost)
            if ticket is not None:
                ticket.allows_spare = True
                return ticket
        ticket = self._gate.try_enter(party=party, pool=self._pool(spare), cost=cost)
        if ticket is not None:
            ticket.is_spare = True
        return ticket

    def left(self, *, principal: Principal) -> tuple[Left | None, Left | None]:
        """Requests and tokens that are left to who asks, in this process; None for what is not limited. From memory alone."""
        tenant = principal.tenant_id
        limits = None if tenant is None else self.limits.known(tenant_id=tenant)
        if limits is None or not limits.limited:
            return None, None
        return self._gate.left(party=limits.party(department_id=principal.department_id))

    async def _limits(self, principal: Principal) -> TenantLimits:
        tenant = principal.tenant
        return self.limits.known(tenant_id=tenant) or await self.limits.limits(tenant_id=tenant)

    def _pool(self, replicas: Sequence[EngineEndpoint]) -> str:
        """The pool of a deployment, or of several behind one route; its capacity is what these replicas have now."""
        known = self._pools.get(id(replicas))
        if known is None or known.replicas is not replicas:
            known = _pool_of(replicas)
            if len(self._pools) >= _MOST_POOLS:
                self._pools.clear()
            self._pools[id(replicas)] = known
        pool = self._gate.pool(known.name)
        if pool.capacity != known.capacity:
            pool.capacity = known.capacity
        return known.name


def _pool_of(replicas: Sequence[EngineEndpoint]) -> _KnownPool:
    places = [replica.capacity for replica in replicas if replica.capacity is not None]
    capacity = sum(places) if len(places) == len(replicas) else None
    return _KnownPool(replicas, "+".join(sorted({replica.name for replica in replicas})), capacity)


def _party(limits: TenantLimits, principal: Principal, *, batch: bool) -> Party:
    department = principal.department_id
    if batch and not limits.batch_allowed(department_id=department):
        raise Forbidden(
            code="batch_not_allowed",
            field="service_tier",
            detail=_("Your organisation does not allow batch requests."),
            remedy=_("Leave “service_tier” out, or ask an administrator."),
        )
    return limits.party(department_id=department, priority="batch" if batch else "interactive")


def _problem(refused: Refused) -> Problem:
    detail = _WORDS[refused.kind, refused.level] % {"limit": f"{refused.limit:g}"}
    if refused.level == "pool":
        return Unavailable(
            code="engine_saturated",
            detail=detail,
            remedy=_("Try again in %(seconds)s seconds.") % {"seconds": round(refused.retry_after)},
            retry_after=refused.retry_after,
        )
    return TooMany(
        code="rate_limit_exceeded",
        detail=detail,
        remedy=_("Try again in %(seconds)s seconds.") % {"seconds": round(refused.retry_after)},
        retry_after=refused.retry_after,
    )

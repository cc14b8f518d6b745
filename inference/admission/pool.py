"""One deployment: so many at once, and a queue in front of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from inference.admission.drain import Drain
from inference.admission.party import Level, Party
from inference.admission.queue import FairQueue, Flow, Told, Waiter
from inference.admission.refusals import Kind, Refused

Clock = Callable[[], float]

_FIRST_WORD_SECONDS = 0.25
_NEXT_WORD_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_LONGEST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a queue: how many wait in all and of one tenant, and how long at most, in seconds."""

    most_waiting: int = 1000
    most_of_tenant: int = 250
    longest_wait: float = 60.0


@dataclass(slots=True)
class Running:
    """What of one tenant is served, and the weight that it last came with."""

    interactive: int = 0
    batch: int = 0
    weight: int = 1


class Pool:
    """Of one event loop. `capacity` None is without an end: nobody waits. `grant` is this process's part of the capacity
    where several share it, None for all of it. Either may change at any time."""

    def __init__(self, *, capacity: int | None, bounds: Bounds, clock: Clock) -> None:
        self.running = 0
        self.tenants: dict[str, Running] = {}
        self.queue = FairQueue()
        self._bounds = bounds
        self._clock = clock
        self._drain = Drain(now=clock())
        self._capacity = capacity
        self._grant: int | None = None
        self._teller: asyncio.TimerHandle | None = None
        self.limit: int | None = capacity

    @property
    def capacity(self) -> int | None:
        return self._capacity

    @capacity.setter
    def capacity(self, capacity: int | None) -> None:
        if capacity != self._capacity:
            self._capacity = capacity
            self._fill()

    @property
    def grant(self) -> int | None:
        return self._grant

    @grant.setter
    def grant(self, grant: int | None) -> None:
        if grant != self._grant:
            self._grant = grant
            self._fill()

    def try_start(self, party: Party) -> bool:
        """Begin one when there is room and nobody waits. Whoever begins calls `depart`."""
        limit = self.limit
        if limit is not None and (self.running >= limit or self.queue.length):
            return False
        self._start(party)
        return True

    async def start(self, *, party: Party, cost: float, told: Told | None) -> tuple[Flow, ...]:
        """Begin when it is this one's turn. Raises Refused; cancelled, it leaves nothing behind."""
        if self.try_start(party):
            return ()
        self._check_bounds(party)
        turn = asyncio.get_running_loop().create_future()
        waiter = Waiter(party, cost, turn, told)
        self.queue.push(waiter)
        self._tell_later(_FIRST_WORD_SECONDS)
        try:
            async with asyncio.timeout(self._bounds.longest_wait):
                await turn
        except TimeoutError:
            if not waiter.admitted:
                self.queue.remove(waiter)
                raise self._refused("waited_too_long", "pool", self._bounds.longest_wait) from None
        except BaseException:
            if waiter.admitted:
                self.depart(party=party, flows=waiter.flows, more=-cost, served=False)
            else:
                self.queue.remove(waiter)
            raise
        return waiter.flows

    def depart(self, *, party: Party, flows: tuple[Flow, ...], more: float, served: bool = True) -> None:
        """One is over. `more`: tokens that it used beyond the estimate, negative below it."""
        self.running -= 1
        running = self.tenants[party.tenant.key]
        if party.priority == "batch":
            running.batch -= 1
        else:
            running.interactive -= 1
        if not (running.interactive or running.batch):
            del self.tenants[party.tenant.key]
        for flow in flows:
            flow.charge(more=more)
        if self.limit is not None:
            if served:
                self._drain.departed(now=self._clock())
            if self.queue.length:
                self._fill()

    def _start(self, party: Party) -> None:
        self.running += 1
        tenant = party.tenant
        running = self.tenants.get(tenant.key)
        if running is None:
            running = self.tenants[tenant.key] = Running()
        running.weight = tenant.weight
        if party.priority == "batch":
            running.batch += 1
        else:
            running.interactive += 1

    def _fill(self) -> None:
        if self._capacity is None or self._grant is None:
            self.limit = self._capacity
        else:
            self.limit = min(self._capacity, self._grant)
        while self.queue.length and (self.limit is None or self.running < self.limit):
            waiter = self.queue.pop()
            waiter.admitted = True
            self._start(waiter.party)
            if waiter.turn.cancelled():
                continue  # it hung up in this very moment, and gives its place back when it runs
            waiter.turn.set_result(None)

    def _check_bounds(self, party: Party) -> None:
        bounds = self._bounds
        if self.queue.length >= bounds.most_waiting:
            raise self._refused("queue_full", "pool", bounds.most_waiting)
        if self.queue.waiting(tenant=party.tenant.key) >= bounds.most_of_tenant:
            raise self._refused("queue_full", "tenant", bounds.most_of_tenant)

    def _refused(self, kind: Kind, level: Level | Literal["pool"], limit: float) -> Refused:
        return Refused(kind=kind, level=level, limit=limit, retry_after=self._seconds_until_empty())

    def _seconds_until_empty(self) -> float:
        """Until everybody who waits now will have gone."""
        seconds = self._drain.seconds_for(departures=self.queue.length, now=self._clock())
        return _RETRY_SECONDS if seconds is None else min(seconds, _LONGEST_RETRY_SECONDS)

    def _tell_later(self, seconds: float) -> None:
        if self._teller is None:
            self._teller = asyncio.get_running_loop().call_later(seconds, self._tell)

    def _tell(self) -> None:
        """Each second, for all at once: a position is known by going through the whole queue."""
        self._teller = None
        for position, waiter in enumerate(list(self.queue.order()), start=1):
            if waiter.told and waiter.position != position:
                waiter.position = position
                waiter.told(position)
        if self.queue.length:
            self._tell_later(_NEXT_WORD_SECONDS)

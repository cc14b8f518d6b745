"""Who is next: weighted fair queueing over tenants, and over departments within each.

Start-time fair queueing on two levels. Each flow (a tenant, or a department in its tenant) has a tag, in virtual time; the
lowest goes first, and being served moves a flow's tag on by cost ÷ weight. A flow that was idle starts at the present, so
nobody saves up. The cost is an estimate when somebody goes, and corrected at the end: what was used beyond is paid by the
flow's next turn. Interactive waiters go before batch, but every twentieth turn is batch's when any waits, so that it is
never starved. Entering, leaving and the next one cost O(log n).
"""

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from inference.admission.party import Party

# One turn in so many is batch's while both wait.
BATCH_TURN = 20
_MOST_IDLE = 64


class Flow:
    """What competes on one level. `finish`: where its next turn starts, in virtual time. `owed`: tokens used beyond estimates.

    `emptied`: everybody in it left while its tag was in the heap, so that the tag may lie in the past.
    """

    __slots__ = ("emptied", "finish", "inner", "key", "owed", "queued", "size", "waiters", "weight")

    def __init__(self, *, key: str, weight: float, with_inner: bool) -> None:
        self.key = key
        self.weight = weight
        self.finish = 0.0
        self.owed = 0.0
        self.size = 0
        self.queued = False
        self.emptied = False
        self.inner = _Level() if with_inner else None
        self.waiters: OrderedDict[int, Waiter] = OrderedDict()

    def order(self) -> Iterator["Waiter"]:
        return self.inner.order() if self.inner else iter(self.waiters.values())

    def charge(self, *, more: float) -> None:
        """Tokens used beyond the estimate; negative below it."""
        self.owed += more


Told = Callable[[int], None]


@dataclass(eq=False, slots=True)
class Waiter:
    """One who waits, with the tokens that are expected of it. `turn` is done when it has come, and then `admitted` holds.

    `told` hears the position. `flows`: the tenant and the department that pay for it.
    """

    party: Party
    cost: float
    turn: "asyncio.Future[None]"
    told: Told | None = None
    position: int = 0
    admitted: bool = False
    number: int = 0
    flows: tuple[Flow, ...] = ()


class _Level:
    """Flows that compete with each other."""

    __slots__ = ("_flows", "_heap", "_latest", "_most", "_number", "_time", "weights")

    def __init__(self) -> None:
        self._flows: dict[str, Flow] = {}
        self._heap: list[tuple[float, int, Flow]] = []
        self._time = 0.0
        self._latest = 0.0
        self._most = _MOST_IDLE
        self._number = count()
        self.weights: Mapping[str, float] = {}

    def flow(self, *, key: str, weight: float, with_inner: bool) -> Flow:
        found = self._flows.get(key)
        if found is None:
            self._forget()
            found = self._flows[key] = Flow(key=key, weight=weight, with_inner=with_inner)
        found.weight = weight
        return found

    def known(self, key: str) -> Flow | None:
        return self._flows.get(key)

    def arrived(self, flow: Flow) -> None:
        flow.size += 1
        if not flow.queued:
            self._push(flow, max(self._time, flow.finish))

    def left(self, flow: Flow) -> None:
        flow.size -= 1
        flow.emptied = flow.emptied or not flow.size

    def first(self) -> Flow | None:
        """The next one with somebody in it."""
        while self._heap:
            start, number, flow = self._heap[0]
            if flow.size and not flow.emptied:
                return flow
            flow.emptied = False
            if flow.size:
                heapq.heapreplace(self._heap, (max(start, self._time), number, flow))
            else:
                heapq.heappop(self._heap)
                flow.queued = False
        return None

    def served(self, flow: Flow, cost: float) -> None:
        """`flow` is the first, and `cost` of it has gone."""
        start = heapq.heappop(self._heap)[0]
        self._time = start
        flow.size -= 1
        flow.finish = start + max(0.0, cost + flow.owed) / self._weight(flow)
        flow.owed = min(0.0, cost + flow.owed)
        flow.queued = False
        self._latest = max(self._latest, flow.finish)
        if flow.size:
            self._push(flow, flow.finish)
        elif not self._heap:
            # Nobody waits: whoever comes next finds no past.
            self._time = self._latest

    def order(self) -> Iterator[Waiter]:
        """Everybody in the order in which they would go if nobody else came; changes nothing."""
        heap = [
            (max(start, self._time) if flow.emptied else start, number, flow, flow.order())
            for start, number, flow in self._heap
            if flow.size
        ]
        heapq.heapify(heap)
        while heap:
            start, number, flow, rest = heap[0]
            waiter = next(rest, None)
            if waiter is None:
                heapq.heappop(heap)
                continue
            yield waiter
            heapq.heapreplace(heap, (start + waiter.cost / self._weight(flow), number, flow, rest))

    def _weight(self, flow: Flow) -> float:
        return max(1e-6, self.weights.get(flow.key, flow.weight))

    def _push(self, flow: Flow, start: float) -> None:
        flow.queued = True
        heapq.heappush(self._heap, (start, next(self._number), flow))

    def _forget(self) -> None:
        """Flows that wait for nothing, and have nothing to pay for, are as good as new ones."""
        if len(self._flows) < self._most:
            return
        kept = {key: flow for key, flow in self._flows.items() if flow.queued or flow.finish > self._time}
        self._flows, self._most = kept, _MOST_IDLE + 2 * len(kept)


@dataclass(slots=True)
class FairQueue:
    """Of one pool. `length`: everybody who waits."""

    length: int = 0
    _interactive: _Level = field(default_factory=_Level)
    _batch: _Level = field(default_factory=_Level)
    _by_tenant: dict[str, list[int]] = field(default_factory=dict)
    _since_batch: int = 0
    _number: Iterator[int] = field(default_factory=count)

    def __len__(self) -> int:
        return self.length

    def waiting(self, *, tenant: str) -> int:
        return sum(self._by_tenant.get(tenant, ()))

    def tenants(self) -> Mapping[str, list[int]]:
        """How many of each wait: interactive, batch."""
        return self._by_tenant

    def weight(self, *, tenant: str) -> float:
        """That a waiting tenant came with last."""
        return max(
            (found.weight for level in (self._interactive, self._batch) if (found := level.known(tenant))),
            default=1.0,
        )

    def weigh(self, *, interactive: Mapping[str, float], batch: Mapping[str, float]) -> None:
        """Weights of tenants that hold instead of their own, where the processes agreed on others."""
        self._interactive.weights, self._batch.weights = interactive, batch

    def push(self, waiter: Waiter) -> None:
        party = waiter.party
        level = self._level(waiter)
        tenant = level.flow(key=party.tenant.key, weight=party.tenant.weight, with_inner=True)
        member = party.department
        assert tenant.inner is not None  # noqa: S101 - made so
        department = tenant.inner.flow(
            key=member.key if member else "", weight=member.weight if member else 1, with_inner=False
        )
        waiter.number, waiter.flows = next(self._number), (tenant, department)
        department.waiters[waiter.number] = waiter
        tenant.inner.arrived(department)
        level.arrived(tenant)
        self._count(waiter, 1)

    def pop(self) -> Waiter:
        """Whoever is next. Raises IndexError when nobody waits."""
        level = self._turn()
        tenant = level.first()
        department = tenant.inner.first() if tenant and tenant.inner else None
        if tenant is None or tenant.inner is None or department is None:
            raise IndexError
        _number, waiter = department.waiters.popitem(last=False)
        tenant.inner.served(department, waiter.cost)
        level.served(tenant, waiter.cost)
        self._since_batch = 0 if level is self._batch else self._since_batch + 1
        self._count(waiter, -1)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        """Somebody who waits goes away."""
        tenant, department = waiter.flows
        del department.waiters[waiter.number]
        assert tenant.inner is not None  # noqa: S101 - made so
        tenant.inner.left(department)
        self._level(waiter).left(tenant)
        self._count(waiter, -1)

    def order(self) -> Iterator[Waiter]:
        """Everybody, the next one first, if nobody else came. O(n log n)."""
        interactive, batch = self._interactive.order(), self._batch.order()
        since = self._since_batch
        ahead, behind = next(interactive, None), next(batch, None)
        while ahead or behind:
            if behind and (ahead is None or since >= BATCH_TURN - 1):
                yield behind
                behind, since = next(batch, None), 0
            elif ahead:
                yield ahead
                ahead, since = next(interactive, None), since + 1

    def _turn(self) -> _Level:
        if self._interactive.first() is None:
            return self._batch
        if self._since_batch >= BATCH_TURN - 1 and self._batch.first() is not None:
            return self._batch
        return self._interactive

    def _level(self, waiter: Waiter) -> _Level:
        return self._batch if waiter.party.priority == "batch" else self._interactive

    def _count(self, waiter: Waiter, more: int) -> None:
        key, batch = waiter.party.tenant.key, waiter.party.priority == "batch"
        counts = self._by_tenant.setdefault(key, [0, 0])
        counts[batch] += more
        self.length += more
        if not any(counts):
            del self._by_tenant[key]

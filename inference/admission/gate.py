"""Who is let in to the engines: limits of tenants and departments, then a place in the deployment's pool.

Everything is in this process's memory; `sharing` keeps several processes in agreement.
"""

import time
from collections.abc import Callable

from inference.admission.accounts import Account, Left
from inference.admission.party import Level, Member, Party
from inference.admission.pool import Bounds, Clock, Pool
from inference.admission.queue import Flow, Told

_MOST_IDLE_ACCOUNTS = 256


class Ticket:
    """A place. Whoever has it calls `leave`, however it ends."""

    __slots__ = (
        "_accounts",
        "_clock",
        "_flows",
        "_left",
        "_pool",
        "allows_spare",
        "cost",
        "is_spare",
        "party",
        "waited",
    )

    def __init__(
        self, *, party: Party, pool: Pool, accounts: tuple[Account, ...], cost: float, clock: Clock
    ) -> None:
        self.party = party
        self.cost = cost
        self.waited = 0.0  # seconds in the queue
        self.allows_spare = self.is_spare = False  # whether others may stand in for who was asked, and do
        self._pool = pool
        self._accounts = accounts
        self._flows: tuple[Flow, ...] = ()
        self._clock = clock
        self._left = False

    def leave(self, *, tokens: int | None = None) -> None:
        """It is over. `tokens`: what was used, prompt and answer; None when nobody knows, and then the estimate stands.

        A second call does nothing.
        """
        if self._left:
            return
        self._left = True
        used = self.cost if tokens is None else tokens
        for account in self._accounts:
            account.settle(cost=self.cost, tokens=used)
        self._pool.depart(party=self.party, flows=self._flows, more=used - self.cost)

    async def _wait(self, told: Told | None) -> None:
        began = self._clock()
        try:
            self._flows = await self._pool.start(party=self.party, cost=self.cost, told=told)
        except BaseException:
            self._left = True
            for account in self._accounts:
                account.withdraw(cost=self.cost)
            raise
        self.waited = self._clock() - began


class Gate:
    """Of one process and event loop."""

    def __init__(self, *, bounds: Bounds | None = None, clock: Clock = time.monotonic) -> None:
        self._bounds = bounds or Bounds()
        self.clock = clock
        self.pools: dict[str, Pool] = {}
        self.accounts: dict[str, Account] = {}
        self._most_accounts = _MOST_IDLE_ACCOUNTS
        # Tells a new account what the processes agreed on.
        self.introduce: Callable[[str, Account], None] | None = None

    def set_capacity(self, *, pool: str, capacity: int | None) -> None:
        """How many the pool serves at once over all processes; None without an end."""
        self.pool(pool).capacity = capacity

    def pool(self, name: str) -> Pool:
        """Made when it is first asked for, without an end."""
        found = self.pools.get(name)
        if found is None:
            found = self.pools[name] = Pool(capacity=None, bounds=self._bounds, clock=self.clock)
        return found

    def try_enter(self, *, party: Party, pool: str, cost: float) -> Ticket | None:
        """At once, when there is room and nobody waits; None when there is not. `cost`: tokens expected, prompt and answer.

        Raises Refused for a limit of the tenant or the department.
        """
        place = self.pools.get(pool) or self.pool(pool)
        if place.limit is not None and (place.running >= place.limit or place.queue.length):
            return None
        ticket = Ticket(
            party=party, pool=place, accounts=self._charged(party, cost), cost=cost, clock=self.clock
        )
        place.try_start(party)
        return ticket

    async def enter(self, *, party: Party, pool: str, cost: float, told: Told | None = None) -> Ticket:
        """When it is this one's turn. `told` hears the position in the queue, each second when it has changed.

        Raises Refused. Cancelled, it leaves the queue, and what was reserved is given back.
        """
        ticket = Ticket(
            party=party,
            pool=self.pool(pool),
            accounts=self._charged(party, cost),
            cost=cost,
            clock=self.clock,
        )
        await ticket._wait(told)
        return ticket

    def account(self, *, member: Member) -> Account:
        """Of a tenant or department with a limit."""
        found = self.accounts.get(member.key)
        if found is None:
            self._forget()
            found = self.accounts[member.key] = Account()
            found.adopt(limits=member.limits, now=self.clock())
            if self.introduce:
                self.introduce(member.key, found)
        found.adopt(limits=member.limits, now=self.clock())
        return found

    def left(self, *, party: Party) -> tuple[Left | None, Left | None]:
        """Requests and tokens that are left to the party here and now, where they are limited: of the tenant or of the
        department, whichever has less. Takes nothing."""
        now, requests, tokens = self.clock(), None, None
        for member in (party.tenant, party.department):
            if member is None or not member.limits:
                continue
            account = self.account(member=member)
            requests = _less(requests, account.requests_left(now=now))
            tokens = _less(tokens, account.tokens_left(now=now))
        return requests, tokens

    def _charged(self, party: Party, cost: float) -> tuple[Account, ...]:
        """All levels, or none."""
        asked: list[tuple[Level, Member]] = []
        if party.tenant.limits:
            asked.append(("tenant", party.tenant))
        if party.department is not None and party.department.limits:
            asked.append(("department", party.department))
        if not asked:
            return ()
        now = self.clock()
        accounts = []
        for level, member in asked:
            account = self.account(member=member)
            account.check(level=level, cost=cost, now=now)
            accounts.append(account)
        for account in accounts:
            account.enter(cost=cost)
        return tuple(accounts)

    def _forget(self) -> None:
        if len(self.accounts) < self._most_accounts:
            return
        now = self.clock()
        kept = {key: one for key, one in self.accounts.items() if not one.is_idle(now=now)}
        self.accounts, self._most_accounts = kept, _MOST_IDLE_ACCOUNTS + 2 * len(kept)


def _less(one: Left | None, other: Left | None) -> Left | None:
    if one is None or other is None:
        return one or other
    return other if other.remaining < one.remaining else one

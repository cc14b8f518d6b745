"""Several gateway processes agree on pools and limits through Valkey, ten times a second and never for a request.

Each process writes what it serves and what waits, reads what the others wrote, and computes the same division. How far they
can be wrong together, while one has not heard of the other yet (a fifth of a second at most):

- pools: not at all, but for what was running when a capacity shrank: a place is claimed before it is taken
  (`allocation.Claim`).
- requests and tokens per minute: a process that gains takes over its new rate before the others have lost theirs. That is at
  most a fifth of a second's worth; besides, each process may always have one request (`buckets`).
- concurrency: by one request less than there are processes.

When Valkey does not answer, each process goes on with its part of everything: divided by how many there were.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from uuid import uuid4

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from inference.admission.accounts import Account
from inference.admission.allocation import Claim, Wish, allocate, lease, whole
from inference.admission.gate import Gate
from inference.admission.pool import Pool
from inference.admission.report import NOTHING, QUIET, Report

log = logging.getLogger(__name__)

KEY = "karez:admission"
EVERY_SECONDS = 0.1
# After so long without a word a process counts as gone, for the others and for itself.
SILENT_SECONDS = 1.0
_ANSWER_SECONDS = 0.25
_DEAD_SECONDS = 10.0
_KEEP_SECONDS = 60
# Who gets the fractions of places changes so often: long against the exchange, short against a person's patience.
_TURN_SECONDS = 1.0
# The part of each rate that is spread evenly, so that a process nobody asked lately can answer at once.
_EVEN_PART = 0.1


class Sharing:
    """Keeps one gate in agreement with those of other processes. Start `run`; `least`: how many processes there are at
    least, as long as none was heard of."""

    def __init__(self, *, gate: Gate, url: str, key: str = KEY, least: int = 1) -> None:
        self.process = uuid4().hex
        self._gate = gate
        self._key = key
        self._client: Redis = Redis.from_url(
            url,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._least = least
        self._shared = False
        self._reports: Mapping[str, Report] = {}
        self._seen: list[str] = [self.process]
        self._heard_at = float("-inf")
        self._offset: float | None = None
        self._dead: list[str] = []
        self._turn = 0
        self._pools: dict[str, Claim] = {}
        self._rooms: dict[str, Claim] = {}
        gate.introduce = self._introduce

    @property
    def shared(self) -> bool:
        """Whether the processes agree at this moment."""
        return self._shared

    @property
    def _rank(self) -> int:
        return self._seen.index(self.process)

    @property
    def processes(self) -> int:
        """How many there are, as far as this one knows."""
        return max(len(self._seen), self._least if len(self._seen) == 1 and not self._shared else 1)

    async def run(self) -> None:
        """Until cancelled. Nothing that happens to Valkey ends it."""
        try:
            while True:
                began = time.monotonic()
                # In a task of its own: a client that loses a cancellation on its way cannot keep this from ending.
                exchange = asyncio.ensure_future(self.exchange())
                try:
                    await asyncio.wait((exchange,))
                finally:
                    exchange.cancel()
                exchange.result()
                await asyncio.sleep(max(0.02, EVERY_SECONDS - (time.monotonic() - began)))
        finally:
            await self._close()

    async def exchange(self) -> None:
        """Once: tell, hear, and divide anew."""
        try:
            async with asyncio.timeout(2 * _ANSWER_SECONDS):
                reports, at = await self._speak()
        except (RedisError, OSError, TimeoutError) as error:
            self._offset = None
            if time.monotonic() - self._heard_at > SILENT_SECONDS:
                self._go_alone(error)
            return
        self._heard_at = time.monotonic()
        if not self._shared:
            log.info("admission: in agreement with %d processes", len(reports))
        self._shared = True
        self._reports, self._seen = reports, sorted(reports)
        self._divide(at)

    async def _speak(self) -> tuple[dict[str, Report], float]:
        """What everybody says, this process included, and the time by Valkey's clock."""
        if self._offset is None:
            self._offset = seconds_of(await self._client.time()) - time.monotonic()
        at = time.monotonic() + self._offset
        told = Report.of(self._gate, at=at, pools=self._pools, accounts=self._rooms)
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.hset(self._key, self.process, told.encoded())
            pipe.expire(self._key, _KEEP_SECONDS)
            if self._dead:
                pipe.hdel(self._key, *self._dead)
            pipe.time()
            pipe.hgetall(self._key)
            *_done, clock, found = await pipe.execute()
        at = seconds_of(clock)
        self._offset = at - time.monotonic()
        reports, self._dead = fresh(found, at)
        return {**reports, self.process: told}, at

    def _divide(self, at: float) -> None:
        self._turn = int(at / _TURN_SECONDS)
        gate = self._gate
        self._pools = {
            name: self._divide_pool(name, pool, pool.capacity)
            for name, pool in gate.pools.items()
            if pool.capacity is not None
        }
        self._rooms = {
            key: self._divide_room(key, account, account.limits.concurrency)
            for key, account in gate.accounts.items()
            if account.limits.concurrency is not None
        }
        for key, account in gate.accounts.items():
            self._agree(key, account, self._rooms[key].room if key in self._rooms else None)

    def _divide_pool(self, name: str, pool: Pool, capacity: int) -> Claim:
        told = {process: report.pools.get(name, NOTHING) for process, report in self._reports.items()}
        shares = allocate(capacity=capacity, wishes={process: one.wishes for process, one in told.items()})
        mine = shares[self.process]
        pool.queue.weigh(interactive=mine.interactive, batch=mine.batch)
        claim = self._pools.get(name) or Claim(0)
        held = {process: one.held for process, one in told.items()}
        self._settle(claim, held, [shares[process].places for process in self._seen], capacity)
        pool.grant = claim.room
        return claim

    def _divide_room(self, key: str, account: Account, most: int) -> Claim:
        """As a pool is, without a queue."""
        told = {process: report.accounts.get(key, QUIET) for process, report in self._reports.items()}
        shares = allocate(
            capacity=most,
            wishes={process: {"": Wish(interactive=one.wanted)} for process, one in told.items()},
        )
        claim = self._rooms.get(key) or Claim(min(account.room or 0, most))
        held = {process: one.held for process, one in told.items()}
        self._settle(claim, held, [shares[process].places for process in self._seen], most)
        return claim

    def _settle(self, claim: Claim, held: dict[str, int], shares: list[float], capacity: int) -> None:
        targets = dict(zip(self._seen, whole(shares=shares, turn=self._turn), strict=True))
        me = self.process
        claim.settle(told=held[me], everybody=sum(held.values()), capacity=capacity)
        wanted = lease(
            me=me, targets=targets, held={**held, me: claim.room}, capacity=capacity, turn=self._turn
        )
        claim.aim(target=targets[me], wanted=wanted)

    def _introduce(self, key: str, account: Account) -> None:
        """One that is new since the last exchange: its part, or what the others leave."""
        most, room = account.limits.concurrency, None
        if most is not None:
            others = sum(report.accounts.get(key, QUIET).held for report in self._reports.values())
            room = max(1, min(_even(most, self.processes)[self._rank], most - others))
        self._agree(key, account, room)

    def _agree(self, key: str, account: Account, room: int | None) -> None:
        processes, now = self.processes, self._gate.clock()
        told = {process: report.accounts.get(key, QUIET) for process, report in self._reports.items()}
        recent = sum(one.recent for one in told.values())
        if not self._shared or not recent:
            account.agree(share=1 / processes, room=room, processes=processes, now=now)
            return
        share = _EVEN_PART / processes + (1 - _EVEN_PART) * told[self.process].recent / recent
        in_flight = sum(one.in_flight for one in told.values())
        if room == 0 and in_flight < (account.limits.concurrency or 0):
            room = 1  # where there is room for one, nobody is refused because another process has it
        account.agree(share=share, room=room, processes=processes, now=now)

    def _go_alone(self, error: Exception) -> None:
        if self._shared:
            log.warning("admission: Valkey does not answer, this process keeps to its own part: %s", error)
        self._shared = False
        self._reports, self._pools, self._rooms = {}, {}, {}
        processes = self.processes
        for pool in self._gate.pools.values():
            if pool.capacity is not None:
                pool.queue.weigh(interactive={}, batch={})
                # Even where there are more processes than places: nobody is shut out while nobody can agree.
                pool.grant = max(1, _even(pool.capacity, processes)[self._rank])
        for key, account in self._gate.accounts.items():
            self._introduce(key, account)

    async def _close(self) -> None:
        """The others need not wait until this one counts as gone."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._client.hdel(self._key, self.process)
        with suppress(RedisError, OSError):
            await self._client.aclose()


def fresh(found: Mapping[bytes, bytes], at: float) -> tuple[dict[str, Report], list[str]]:
    """Who lives, and whose words may be thrown away."""
    living, dead = {}, []
    for process, value in found.items():
        report = Report.read(value)
        age = _DEAD_SECONDS if report is None else at - report.at
        if report is not None and age < SILENT_SECONDS:
            living[process.decode()] = report
        elif age >= _DEAD_SECONDS:
            dead.append(process.decode())
    return living, dead


def _even(places: int, processes: int) -> list[int]:
    return whole(shares=[places / processes] * processes, turn=0)


def seconds_of(clock: tuple[int, int]) -> float:
    return clock[0] + clock[1] / 1e6

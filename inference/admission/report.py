"""What a process tells the others, as one compact value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from inference.admission.allocation import Claim, Wish
from inference.admission.gate import Gate

_FORM = 1


@dataclass(frozen=True, slots=True)
class PoolReport:
    """`held`: how many the process may be serving until it says something else."""

    held: int = 0
    wishes: Mapping[str, Wish] = field(default_factory=dict)


Claims = Mapping[str, Claim]
NOTHING = PoolReport()


@dataclass(frozen=True, slots=True)
class AccountReport:
    """`recent`: tokens asked for lately, the older the less. `wanted`: requests at once, `held`: how many of them the process
    may have until it says something else."""

    in_flight: int = 0
    recent: float = 0.0
    wanted: int = 0
    held: int = 0


QUIET = AccountReport()


@dataclass(frozen=True, slots=True)
class Report:
    """`at`: seconds by the clock that all share. `waiting`: how many of each tenant wait here, in all queues."""

    at: float
    pools: Mapping[str, PoolReport]
    accounts: Mapping[str, AccountReport]
    waiting: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, gate: Gate, *, at: float, pools: Claims, accounts: Claims) -> Self:
        """`pools` and `accounts`: what this process claims of each."""
        now = gate.clock()
        told = {
            key: AccountReport(
                account.in_flight,
                round(account.recent(now=now), 1),
                account.wanted(),
                _held(accounts.get(key), account.in_flight, account.room),
            )
            for key, account in gate.accounts.items()
        }
        return cls(
            at=at,
            pools={
                name: PoolReport(
                    held=_held(pools.get(name), pool.running, pool.grant),
                    wishes=_wishes(gate, name),
                )
                for name, pool in gate.pools.items()
                if pool.capacity is not None
            },
            accounts=told,
            waiting=_waiting(gate),
        )

    def encoded(self) -> bytes:
        return orjson.dumps(
            {
                "form": _FORM,
                "at": round(self.at, 3),
                "pools": {
                    name: [pool.held, {t: [w.interactive, w.batch, w.weight] for t, w in pool.wishes.items()}]
                    for name, pool in self.pools.items()
                },
                "accounts": {
                    key: [one.in_flight, one.recent, one.wanted, one.held]
                    for key, one in self.accounts.items()
                },
                "waiting": dict(self.waiting),
            }
        )

    @classmethod
    def read(cls, value: bytes) -> Self | None:
        """None for what another version wrote, or nobody of us."""
        try:
            found: dict[str, Any] = orjson.loads(value)
            if found["form"] != _FORM:
                return None
            return cls(
                at=float(found["at"]),
                pools={
                    name: PoolReport(
                        int(held), {t: Wish(int(i), int(b), float(w)) for t, (i, b, w) in some.items()}
                    )
                    for name, (held, some) in found["pools"].items()
                },
                accounts={
                    key: AccountReport(int(n), float(r), int(w), int(h))
                    for key, (n, r, w, h) in found["accounts"].items()
                },
                # Those that run an older version do not tell it.
                waiting={tenant: int(n) for tenant, n in found.get("waiting", {}).items()},
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def _held(claim: Claim | None, running: int, room: int | None) -> int:
    return claim.held(running=running) if claim else max(running, room or 0)


def _wishes(gate: Gate, name: str) -> dict[str, Wish]:
    pool = gate.pools[name]
    waiting = pool.queue.tenants()
    wishes = {}
    for tenant in pool.tenants.keys() | waiting.keys():
        running = pool.tenants.get(tenant)
        interactive, batch = waiting.get(tenant, (0, 0))
        weight = running.weight if running else pool.queue.weight(tenant=tenant)
        wishes[tenant] = Wish(
            interactive + (running.interactive if running else 0),
            batch + (running.batch if running else 0),
            weight,
        )
    return wishes


def _waiting(gate: Gate) -> dict[str, int]:
    found: dict[str, int] = {}
    for pool in gate.pools.values():
        if pool.queue.length:
            for tenant, (interactive, batch) in pool.queue.tenants().items():
                found[tenant] = found.get(tenant, 0) + interactive + batch
    return {tenant: n for tenant, n in found.items() if n}

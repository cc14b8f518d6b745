"""How processes divide a pool: a pure function of what all of them want, so that each finds the same answer by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from inference.admission.queue import BATCH_TURN


@dataclass(frozen=True, slots=True)
class Wish:
    """Of one tenant at one process: how many it serves and lets wait, and the tenant's weight."""

    interactive: int = 0
    batch: int = 0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Shares:
    """`places`: at one process, in fractions. The weights are each tenant's own, divided over the processes as it wants
    places there: a queue that is fair by them is fair over all processes."""

    places: float
    interactive: Mapping[str, float]
    batch: Mapping[str, float]


class Claim:
    """Places of one process on their way to what is its due. Told to all before it is used, and given up before that is told.

    `asked` is `room`, and what the process would like to have besides. As Valkey puts what processes tell in one order, of
    two that want the same place the second sees the first one's claim.
    """

    __slots__ = ("asked", "room")

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked = room

    def held(self, *, running: int) -> int:
        """What is told: no more than this is used until the next word."""
        return max(running, self.room, self.asked)

    def settle(self, *, told: int, everybody: int, capacity: int) -> None:
        """`told` was heard by all, when everybody together held so many: what of it fits is had now."""
        excess = max(0, everybody - capacity)
        self.room = max(self.room, min(self.asked, told - excess))

    def aim(self, *, target: int, wanted: int) -> None:
        """Give up what is beyond the target, and ask for `wanted` next time."""
        self.room = min(self.room, target)
        self.asked = max(self.room, wanted)


Wishes = Mapping[str, Mapping[str, Wish]]


def allocate(*, capacity: int, wishes: Wishes) -> dict[str, Shares]:
    """`wishes` by process and tenant. The shares of all processes add up to the capacity.

    Tenants get places by weight, none more than it wants; a tenant's places go to its processes as it wants them there.
    Interactive wishes are served first, but for one place in twenty while batch waits.
    """
    interactive, batch = _of(wishes, batch=False), _of(wishes, batch=True)
    for_batch = min(sum(want for want, _weight in batch.values()), capacity / BATCH_TURN)
    first = water_fill(capacity=capacity - for_batch, wanted=interactive)
    second = water_fill(capacity=capacity - sum(first.values()), wanted=batch)
    spare = max(0.0, capacity - sum(first.values()) - sum(second.values())) / max(1, len(wishes))
    shares = {}
    for process, mine in wishes.items():
        here = {t: wish.interactive / interactive[t][0] for t, wish in mine.items() if wish.interactive}
        behind = {t: wish.batch / batch[t][0] for t, wish in mine.items() if wish.batch}
        shares[process] = Shares(
            places=spare
            + sum(first[t] * part for t, part in here.items())
            + sum(second[t] * part for t, part in behind.items()),
            interactive={t: interactive[t][1] * part for t, part in here.items()},
            batch={t: batch[t][1] * part for t, part in behind.items()},
        )
    return shares


def water_fill(*, capacity: float, wanted: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """`wanted` is (how much, weight). By weight, none more than it wants, and nothing unused while somebody wants it."""
    given = dict.fromkeys(wanted, 0.0)
    thirsty = sorted((want / weight, name) for name, (want, weight) in wanted.items())
    weights = sum(weight for _want, weight in wanted.values())
    for level, name in thirsty:
        want, weight = wanted[name]
        given[name] = want if level * weights <= capacity else max(0.0, capacity) * weight / weights
        capacity -= given[name]
        weights -= weight
    return given


def whole(*, shares: Sequence[float], turn: int) -> list[int]:
    """As whole places with the same sum, if that is whole. Who gets the fractions changes with `turn`, and over many turns
    each gets its share exactly."""
    offset = turn * 0.6180339887498949 % 1.0
    total, before, places = offset, floor(offset + 1e-9), []
    for share in shares:
        total += share
        places.append(floor(total + 1e-9) - before)
        before += places[-1]
    return places


def lease(*, me: str, targets: Mapping[str, int], held: Mapping[str, int], capacity: int, turn: int) -> int:
    """How many `me` may have now on its way to its target. `held`: what each process may have had when it last said so.

    Who has too many gives them up as they end, and only what is free is taken: the sum stays within the capacity while
    places change hands.
    """
    if held[me] >= targets[me]:
        return targets[me]
    free = max(0, capacity - sum(held.values()))
    processes = sorted(targets)
    missing = [max(0, targets[process] - held[process]) for process in processes]
    if sum(missing) <= free:
        return targets[me]
    portions = whole(shares=[free * some / sum(missing) for some in missing], turn=turn)
    return min(targets[me], held[me] + portions[processes.index(me)])


def _of(wishes: Wishes, *, batch: bool) -> dict[str, tuple[float, float]]:
    """By tenant, over all processes. Where processes know different weights, the greatest holds."""
    found: dict[str, tuple[float, float]] = {}
    for mine in wishes.values():
        for tenant, wish in mine.items():
            if want := wish.batch if batch else wish.interactive:
                before, weight = found.get(tenant, (0.0, 0.0))
                found[tenant] = (before + want, max(weight, wish.weight, 1e-3))
    return found

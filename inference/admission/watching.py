"""What the gateway processes have under way at this moment, for who only looks: they tell each other through Valkey, and
anybody who may read there can listen. Not for asyncio."""

from collections.abc import Mapping
from dataclasses import dataclass

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from inference.admission.sharing import KEY, fresh, seconds_of

_ANSWER_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Over all processes, by the keys of `Member`: requests that are answered or wait, of those that have limits, and how many
    wait, of tenants alone."""

    in_flight: Mapping[str, int]
    waiting: Mapping[str, int]


def under_way(*, url: str, key: str = KEY) -> UnderWay | None:
    """None when Valkey does not answer."""
    try:
        with Redis.from_url(
            url,
            socket_timeout=_ANSWER_SECONDS,
            socket_connect_timeout=_ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            clock, found = client.time(), client.hgetall(key)
    except (RedisError, OSError):
        return None
    in_flight: dict[str, int] = {}
    waiting: dict[str, int] = {}
    reports, _dead = fresh(found, seconds_of(clock))
    for report in reports.values():
        for member, account in report.accounts.items():
            in_flight[member] = in_flight.get(member, 0) + account.in_flight
        for tenant, n in report.waiting.items():
            waiting[tenant] = waiting.get(tenant, 0) + n
    return UnderWay(in_flight, waiting)

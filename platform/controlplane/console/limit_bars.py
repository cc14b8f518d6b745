"""What is used of a limit, as bars of a drawing of 100 by 6."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from controlplane.metering.limit_use import Use
from controlplane.metering.limits import LimitValues

_NEARLY = 0.8


@dataclass(frozen=True, slots=True)
class LimitBar:
    """`used` None is not known at this moment, `limit` None is no limit; `tone` is the name of its colour."""

    name: Promise
    used: int | None
    limit: int | None
    width: float = 0.0
    tone: str = ""


def limit_bars(*, limits: LimitValues, use: Use) -> tuple[LimitBar, ...]:
    """One for each kind of limit, also for those that are not set."""
    # The gateways keep no account of who has no limit: nobody knows then, which is not 0.
    kinds = (limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency)
    at_once = use.at_once if any(kinds) else None
    return (
        _bar(_("Requests in the last minute"), use.requests, limits.requests_per_minute),
        _bar(_("Tokens in the last minute"), use.tokens, limits.tokens_per_minute),
        _bar(_("Answered or waiting now"), at_once, limits.concurrency),
    )


def _bar(name: Promise, used: int | None, limit: int | None) -> LimitBar:
    if used is None or limit is None:
        return LimitBar(name, used, limit)
    part = used / limit
    tone = "full" if part >= 1 else "nearly" if part >= _NEARLY else "room"
    return LimitBar(name, used, limit, round(min(part, 1.0) * 100, 2), tone)

"""What a replica is fit for, from what is seen of it.

    starting ──answered──▶ ready ⇄ saturated
        ▲                    │ misses in a row (one that is starting: for too long)
        │ resumed            ▼
    draining ◀──any──     failed ──answers in a row──▶ ready

Pure: each function takes what was known and what was seen, and returns what is known now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from inference.fleet.loads import Loads

State = Literal["starting", "ready", "saturated", "draining", "failed"]
# What the platform's administrators want of it; one that is off is not asked at all.
Wanted = Literal["serving", "draining", "off"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable ``code``, and the words of whoever gave it (an engine's error, for instance)."""

    code: str = ""
    words: str = ""


NO_REASON = Reason()


@dataclass(frozen=True, slots=True)
class Rules:
    """``misses`` in a row make it failed, ``answers`` in a row bring it back. ``kv_full`` is the share of the KV cache from
    which it is saturated, ``kv_eased`` the one below which it no longer is. ``pressed`` scrapes in a row count, not one.
    One that is starting has ``start_seconds`` to load its model, whatever it misses."""

    misses: int = 3
    answers: int = 2
    pressed: int = 2
    kv_full: float = 0.95
    kv_eased: float = 0.85
    start_seconds: float = 180.0


DEFAULT_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Health:
    """State since when and why, with the counts that lead to the next."""

    state: State
    since: datetime
    reason: Reason = NO_REASON
    misses: int = 0
    answers: int = 0
    pressed: int = 0


def begun(*, at: datetime, wanted: Wanted = "serving") -> Health:
    """Nothing is known of it yet."""
    return following(health=Health("starting", at, Reason("not_probed_yet")), wanted=wanted, at=at)


def following(*, health: Health, wanted: Wanted, at: datetime) -> Health:
    """As its administrators want it: what is taken out drains, what is taken back in has to answer first."""
    if wanted == "serving":
        if health.state != "draining":
            return health
        return Health("starting", at, Reason("resumed"))
    code = "switched_off" if wanted == "off" else "draining"
    if health.state == "draining" and health.reason.code == code:
        return health
    return Health("draining", at, Reason(code))


def answered(*, health: Health, at: datetime, rules: Rules = DEFAULT_RULES) -> Health:
    """A probe was answered."""
    health = replace(health, misses=0, answers=health.answers + 1)
    if health.state == "starting" or (health.state == "failed" and health.answers >= rules.answers):
        return Health("ready", at, answers=health.answers)
    return health


def busy(*, health: Health, at: datetime, reason: Reason) -> Health:
    """It is alive and refused the probe for being full: no miss, and no proof of an answer either."""
    health = replace(health, misses=0)
    if health.state == "ready":
        return replace(health, state="saturated", since=at, reason=reason)
    return health


def missed(*, health: Health, at: datetime, reason: Reason, rules: Rules = DEFAULT_RULES) -> Health:
    """A probe was not answered. One that drains goes on draining, for its requests may still end well."""
    health = replace(health, answers=0, misses=health.misses + 1)
    if health.state == "draining":
        return health
    if health.state == "failed":
        return replace(health, reason=reason)
    is_loading = health.state == "starting" and (at - health.since).total_seconds() < rules.start_seconds
    if health.misses >= rules.misses and not is_loading:
        return replace(health, state="failed", since=at, reason=reason, pressed=0)
    return replace(health, reason=reason) if health.state == "starting" else health


def loaded(
    *,
    health: Health,
    loads: Loads,
    at: datetime,
    capacity: int | None = None,
    rules: Rules = DEFAULT_RULES,
) -> Health:
    """What it carries was read: from ready to saturated and back."""
    pressure = _pressure(loads, capacity, rules)
    if health.state == "ready":
        health = replace(health, pressed=health.pressed + 1 if pressure else 0)
        if pressure and health.pressed >= rules.pressed:
            return replace(health, state="saturated", since=at, reason=Reason(pressure))
    elif health.state == "saturated":
        if _eased(loads, capacity, rules):
            return replace(health, state="ready", since=at, reason=NO_REASON, pressed=0)
        if pressure and pressure != health.reason.code:
            return replace(health, reason=Reason(pressure))
    return health


def _pressure(loads: Loads, capacity: int | None, rules: Rules) -> str:
    """The code of what is full; empty while nothing is."""
    if loads.waiting:
        return "requests_waiting"
    if loads.kv_usage is not None and loads.kv_usage >= rules.kv_full:
        return "kv_cache_full"
    return "at_capacity" if capacity is not None and loads.running >= capacity else ""


def _eased(loads: Loads, capacity: int | None, rules: Rules) -> bool:
    kv = loads.kv_usage or 0.0
    return not _pressure(loads, capacity, rules) and kv < rules.kv_eased

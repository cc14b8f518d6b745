"""A replica as the watch knows it: what was seen so far, and what follows from what is seen next."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.utils import timezone

from controlplane.serving.fleet import Carried
from controlplane.serving.models import LONGEST_WORDS, ReplicaHealth
from controlplane.serving.selectors import SeenReplica
from inference.endpoints import EngineEndpoint
from inference.fleet import DEFAULT_RULES, Health, Loads, Probe, Reason, Rules, Wanted, state

# How long after the wish to drain every process has heard of it, and told what it still has.
_HEARD_SECONDS = 3.0


# Of one that says nothing of what it works on: whether it hangs or is busy cannot be told, and busy is likelier.
PATIENT_RULES = replace(DEFAULT_RULES, misses=10)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `recheck` follows a probe that leaves a question open; `limit` is how long one may take."""

    probe: float = 15.0
    metrics: float = 2.0
    recheck: float = 2.0
    limit: float = 30.0
    rules: Rules = DEFAULT_RULES
    patient_rules: Rules = PATIENT_RULES


@dataclass(slots=True)
class Watched:
    """`probe_at` and the like are of the monotonic clock."""

    key: str
    endpoint: EngineEndpoint
    wanted: Wanted
    pace: Pace
    health: Health
    loads: Loads | None = None
    probe_at: float = 0.0
    probed_at: datetime | None = None
    latency: float | None = None
    in_flight: int | None = None
    # What the database has of it.
    saved: tuple[object, ...] = field(default=())

    def follow(self, *, endpoint: EngineEndpoint, wanted: Wanted) -> None:
        """As the registry has it now."""
        before = self.health.state
        self.endpoint, self.wanted = endpoint, wanted
        self.health = state.following(health=self.health, wanted=wanted, at=timezone.now())
        if self.health.state != before:
            self.probe_at = 0.0
        if wanted == "off":
            self.loads = None

    def probed(self, *, probe: Probe, tokens_before: int | None) -> None:
        """A probe has ended, that began when the engine had worked on so many tokens."""
        now, rules = timezone.now(), self.pace.rules
        self.probed_at = now
        self.latency = probe.seconds if probe.outcome == "answered" else None
        if probe.outcome == "answered":
            self.health = state.answered(health=self.health, at=now, rules=rules)
        elif probe.outcome == "busy":
            self.health = state.busy(health=self.health, at=now, reason=probe.reason)
        elif probe.outcome == "late" and self._works_since(tokens_before):
            slow = Reason("slow", probe.reason.words)
            self.health = state.busy(health=self.health, at=now, reason=slow)
        else:
            if probe.outcome == "late" and tokens_before is None:
                rules = self.pace.patient_rules
            self.health = state.missed(health=self.health, at=now, reason=probe.reason, rules=rules)
        if self.health.state == "failed":
            self.loads = None
        self.probe_at = time.monotonic() + self._pause(probe)

    def carries(self, loads: Loads | None) -> None:
        """What its server says now; None where that says nothing of this model."""
        self.loads = loads
        if loads is not None:
            self.health = state.loaded(
                health=self.health,
                loads=loads,
                at=timezone.now(),
                capacity=self.endpoint.capacity,
                rules=self.pace.rules,
            )

    def count(self, reported: int | None) -> None:
        """Requests under way, of one that drains: the processes' own sum, or the engine's where that is more, for it may have
        other callers."""
        heard = (timezone.now() - self.health.since).total_seconds() >= _HEARD_SECONDS
        if self.health.state != "draining" or not heard:
            self.in_flight = None
            return
        engines = self.loads.running + self.loads.waiting if self.loads else None
        counts = [count for count in (reported, engines) if count is not None]
        self.in_flight = max(counts) if counts else None

    @property
    def carried(self) -> Carried:
        loads = self.loads
        return Carried(
            running=loads.running if loads else None,
            waiting=loads.waiting if loads else None,
            kv_usage=loads.kv_usage if loads else None,
            prefix_hit_rate=loads.prefix_hit_rate if loads else None,
            in_flight=self.in_flight,
        )

    @property
    def mark(self) -> tuple[object, ...]:
        """What is worth a write when it changes: loads alone are not."""
        return self.health.state, self.health.reason, self.health.since, self.probed_at

    def row(self) -> ReplicaHealth:
        """For the database."""
        health, carried = self.health, self.carried
        return ReplicaHealth(
            key=self.key,
            base_url=self.endpoint.base_url,
            model=self.endpoint.model,
            state=health.state,
            reason_code=health.reason.code,
            reason_words=health.reason.words.replace("\x00", "")[:LONGEST_WORDS],
            since=health.since,
            probed_at=self.probed_at,
            latency_ms=None if self.latency is None else round(self.latency * 1000),
            running=carried.running,
            waiting=carried.waiting,
            kv_usage=carried.kv_usage,
            prefix_hit_rate=carried.prefix_hit_rate,
            in_flight=carried.in_flight,
            updated_at=timezone.now(),
        )

    def _works_since(self, tokens_before: int | None) -> bool:
        """A full engine keeps a probe waiting while it works for others; one whose node has died works for nobody."""
        return tokens_before is not None and self.loads is not None and self.loads.tokens > tokens_before

    def _pause(self, probe: Probe) -> float:
        settled = probe.outcome == "answered" and self.health.state in ("ready", "saturated")
        if settled or self.health.state == "draining":
            return self.pace.probe
        is_coming = probe.outcome == "answered" or self.health.state != "failed"
        return min(self.pace.probe, self.pace.recheck if is_coming else self.pace.recheck * 2.5)


def begun(
    *, key: str, endpoint: EngineEndpoint, wanted: Wanted, pace: Pace, seen: SeenReplica | None
) -> Watched:
    """Where the watch before it left off, if there was one."""
    health = state.begun(at=timezone.now(), wanted=wanted)
    if seen is not None:
        health = Health(seen.state, seen.since, seen.reason)
        health = state.following(health=health, wanted=wanted, at=timezone.now())
    return Watched(key=key, endpoint=endpoint, wanted=wanted, pace=pace, health=health)

"""The states of a replica, by example and under any sequence of what can be seen."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inference.endpoints import EngineEndpoint
from inference.fleet import state as machine
from inference.fleet.loads import Loads
from inference.fleet.replica import Replica, replica_key
from inference.fleet.state import Health, Reason, Rules, State

START = datetime(2026, 1, 1, tzinfo=UTC)
RULES = Rules(misses=3, answers=2, pressed=2, start_seconds=5)
DEAD = Reason("unreachable", "refused")
FULL, FREE = Loads(running=4, waiting=1, kv_usage=0.9), Loads(running=1, kv_usage=0.1)


def after(*seen: str, health: Health | None = None) -> Health:
    """What is known after a second each of what was seen."""
    health = health or machine.begun(at=START)
    for number, each in enumerate(seen, 1):
        health = step(health, each, START + timedelta(seconds=number))
    return health


def step(health: Health, seen: str, at: datetime) -> Health:
    match seen:
        case "answered":
            return machine.answered(health=health, at=at, rules=RULES)
        case "missed":
            return machine.missed(health=health, at=at, reason=DEAD, rules=RULES)
        case "busy":
            return machine.busy(health=health, at=at, reason=Reason("busy"))
        case "full":
            return machine.loaded(health=health, loads=FULL, at=at, rules=RULES)
        case "free":
            return machine.loaded(health=health, loads=FREE, at=at, rules=RULES)
        case "drain":
            return machine.following(health=health, wanted="draining", at=at)
        case "off":
            return machine.following(health=health, wanted="off", at=at)
        case _:
            return machine.following(health=health, wanted="serving", at=at)


def test_one_answer_makes_a_starting_replica_ready() -> None:
    health = after("answered")
    assert (health.state, health.since, health.reason) == ("ready", START + timedelta(seconds=1), Reason())


def test_misses_in_a_row_make_it_failed_and_answers_in_a_row_bring_it_back() -> None:
    assert after("answered", "missed", "missed").state == "ready"
    assert after("answered", "missed", "missed", "answered", "missed", "missed").state == "ready"
    failed = after("answered", "missed", "missed", "missed")
    assert (failed.state, failed.reason, failed.since) == ("failed", DEAD, START + timedelta(seconds=4))
    assert after("answered", "missed", "answered", health=failed).state == "failed"
    back = after("answered", "answered", health=failed)
    assert (back.state, back.reason) == ("ready", Reason())


def test_a_replica_that_never_answers_fails_when_it_has_had_its_time() -> None:
    assert after(*["missed"] * 4).state == "starting"
    assert after(*["missed"] * 4).reason == DEAD
    assert after(*["missed"] * 5).state == "failed"
    assert after("busy", "busy", "busy", "busy", "busy", "missed", "missed").state == "starting"


def test_it_is_saturated_when_it_stays_full_and_ready_when_it_has_room() -> None:
    ready = after("answered", "full")
    assert ready.state == "ready"
    assert after("free", "full", health=ready).state == "ready"
    full = after("full", health=ready)
    assert (full.state, full.reason.code) == ("saturated", "requests_waiting")
    assert after("free", health=full).state == "ready"


def test_the_kv_cache_and_the_capacity_fill_it_too() -> None:
    ready = after("answered")

    def under(loads: Loads, capacity: int | None = None) -> Health:
        health = ready
        for _ in range(2):
            health = machine.loaded(health=health, loads=loads, at=START, capacity=capacity, rules=RULES)
        return health

    assert under(Loads(running=8, kv_usage=0.96)).reason.code == "kv_cache_full"
    assert under(Loads(running=8, kv_usage=0.5), 8).reason.code == "at_capacity"
    assert under(Loads(running=8, kv_usage=0.5), 9).state == "ready"
    between = machine.loaded(health=under(Loads(kv_usage=0.96)), loads=Loads(kv_usage=0.9), at=START)
    assert between.state == "saturated"


def test_a_full_queue_is_no_miss() -> None:
    health = after("answered", "busy", "busy", "busy", "busy")
    assert (health.state, health.reason.code) == ("saturated", "busy")
    assert after("busy", "busy").state == "starting"


def test_one_that_drains_drains_until_it_is_wanted_again_and_then_has_to_answer() -> None:
    draining = after("answered", "drain")
    assert (draining.state, draining.reason.code) == ("draining", "draining")
    for seen in (["missed"] * 5, ["answered"] * 5, ["full"] * 5):
        assert after(*seen, health=draining).state == "draining"
    assert after("off", health=draining).reason.code == "switched_off"
    resumed = after("serve", health=draining)
    assert (resumed.state, resumed.reason.code) == ("starting", "resumed")
    assert after("serve", "answered", health=draining).state == "ready"


SEEN = st.lists(st.sampled_from(["answered", "missed", "busy", "full", "free", "drain", "off", "serve"]))


@given(SEEN)
def test_whatever_is_seen_the_state_follows_from_the_last_of_it(seen: list[str]) -> None:
    health, wanted, streak = machine.begun(at=START), "serve", 0
    for number, each in enumerate(seen, 1):
        at, before = START + timedelta(seconds=number), health
        health = step(health, each, at)
        wanted = each if each in ("drain", "off", "serve") else wanted
        streak = streak + 1 if each == "missed" else 0 if each in ("answered", "busy") else streak
        # Draining exactly while it is wanted so.
        assert (health.state == "draining") == (wanted != "serve")
        # Nobody fails who answered within the last misses.
        if health.state == "failed" and before.state != "failed":
            assert each == "missed"
            assert streak >= RULES.misses
        # From failed nothing but answers in a row, or being taken out, leads away.
        if before.state == "failed" and health.state not in ("failed", "draining"):
            assert each == "answered"
            assert seen[:number][-1] == "answered"
        # `since` moves with the state, and only with it or with why it drains.
        if health.state == before.state and health.reason.code == before.reason.code:
            assert health.since == before.since
        if health.state != before.state:
            assert health.since == at


def test_a_replicas_key_is_that_of_its_server_and_model() -> None:
    key = replica_key(base_url="http://a/v1", model="m")
    assert key == replica_key(base_url="http://a/v1", model="m")
    assert (
        len(
            {
                key,
                replica_key(base_url="http://a/v1", model="n"),
                replica_key(base_url="http://b/v1", model="m"),
            }
        )
        == 3
    )
    assert len(key) == 32


def test_what_drains_or_failed_takes_no_requests() -> None:
    endpoint = EngineEndpoint(name="m", base_url="http://a/v1", model="m")
    states: tuple[State, ...] = ("starting", "ready", "saturated", "draining", "failed")
    taking = [s for s in states if Replica(id="k", endpoint=endpoint, state=s).takes_requests]
    assert taking == ["starting", "ready", "saturated"]

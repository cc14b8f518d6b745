"""What a process keeps in memory of the fleet, and whom it sends requests to."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from controlplane.core.problems import Unavailable
from controlplane.serving import fleet as memory
from controlplane.serving.fleet import Carried, Fleet, notices
from controlplane.serving.registry import Registry
from controlplane.serving.selectors import FleetRows, RegisteredReplica, SeenReplica
from inference.client import EngineTimeouts
from inference.endpoints import EngineEndpoint
from inference.fleet import Reason, State, Wanted, replica_key

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def at(host: str, *, name: str = "m", **fields: object) -> EngineEndpoint:
    return EngineEndpoint(name=name, base_url=f"http://{host}/v1", model="m", **fields)  # type: ignore[arg-type]


def key_of(host: str) -> str:
    return replica_key(base_url=f"http://{host}/v1", model="m")


def registered(host: str, wanted: Wanted = "serving", **fields: object) -> RegisteredReplica:
    return RegisteredReplica(uuid4(), at(host, **fields), wanted)


def fleet_of(*replicas: RegisteredReplica, **seen: State) -> Fleet:
    """`seen` are the states of hosts."""
    fleet = Fleet()
    states = {key_of(host): SeenReplica(state, SINCE, Reason()) for host, state in seen.items()}
    fleet.take(rows=FleetRows(registered=replicas, seen=states))
    return fleet


def registry_of(fleet: Fleet, *given: EngineEndpoint) -> Registry:
    return Registry(endpoints=given, timeouts=EngineTimeouts(), fleet=fleet)


def hosts(endpoints: list[EngineEndpoint]) -> set[str]:
    return {endpoint.base_url.removeprefix("http://").removesuffix("/v1") for endpoint in endpoints}


async def chosen(registry: Registry, name: str = "m") -> set[str]:
    """By both ways of asking, which must agree."""
    known = hosts(registry.known(name=name))
    try:
        assert hosts(await registry.find(name=name)) == known
    except Unavailable:
        assert known == set()
    return known


async def test_registered_replicas_join_those_of_the_setting() -> None:
    registry = registry_of(fleet_of(registered("b"), registered("c", name="n", routes=("chat",))), at("a"))
    assert await chosen(registry) == {"a", "b"}
    assert await chosen(registry, "n") == await chosen(registry, "chat") == {"c"}
    assert await registry.names() == ["m", "n", "chat"]
    views = registry.replicas(name="m")
    assert [(view.endpoint.base_url, view.registered_id is None) for view in views] == [
        ("http://a/v1", True),
        ("http://b/v1", False),
    ]
    assert {view.reason.code for view in views} == {"not_watched"}
    assert registry_of(fleet_of(registered("b"))).configured


async def test_what_is_in_both_is_what_the_registry_says_of_it() -> None:
    registry = registry_of(fleet_of(registered("a", "draining")), at("a"))
    assert [view.state for view in registry.all_replicas()] == ["draining"]
    assert await chosen(registry) == set()


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a": "ready", "b": "saturated", "c": "starting"}, {"a", "b"}),
        ({"a": "ready", "b": "failed", "c": "failed"}, {"a"}),
        ({"a": "starting", "b": "failed", "c": "starting"}, {"a", "c"}),
        ({"a": "failed", "b": "failed", "c": "failed"}, {"a", "b", "c"}),
    ],
)
async def test_requests_go_to_those_that_answer(states: dict[str, State], expected: set[str]) -> None:
    fleet = fleet_of(registered("b"), registered("c"), **states)
    assert await chosen(registry_of(fleet, at("a"))) == expected
    found = await registry_of(fleet, at("a")).find_for_route(route="elsewhere")
    assert hosts(found) == expected


async def test_nothing_new_goes_to_what_drains_even_if_nothing_else_is_left() -> None:
    fleet = fleet_of(
        registered("a", "draining"), registered("b", "off"), registered("c"), a="ready", c="failed"
    )
    assert await chosen(registry_of(fleet)) == {"c"}
    alone = registry_of(fleet_of(registered("a", "draining"), a="ready"))
    assert alone.known(name="m") == []
    with pytest.raises(Unavailable) as error:
        await alone.find(name="m")
    assert error.value.code == "engine_unavailable"
    with pytest.raises(Unavailable):
        await alone.find_for_route(route="m")


async def test_one_that_was_taken_back_in_answers_first() -> None:
    fleet = fleet_of(registered("a"), registered("b"), a="draining", b="ready")
    registry = registry_of(fleet)
    assert [(r.state, r.reason.code) for r in registry.replicas(name="m")] == [
        ("starting", "resumed"),
        ("ready", ""),
    ]
    assert await chosen(registry) == {"b"}


async def test_a_key_that_cannot_be_read_is_a_failure_with_its_reason() -> None:
    broken = RegisteredReplica(uuid4(), at("a"), "serving", is_readable=False)
    registry = registry_of(fleet_of(broken, registered("b"), a="ready", b="ready"))
    assert registry.replicas(name="m")[0].reason.code == "key_unreadable"
    assert await chosen(registry) == {"b"}


def test_loads_are_told_in_notices_that_the_database_takes() -> None:
    keys = [key_of(f"host-{number}") for number in range(500)]
    texts = list(notices(loads=[(key, Carried(10**6, 10**6, 0.123456, 0.5, 7)) for key in keys]))
    assert len(texts) > 1
    assert all(len(text.encode()) < 8000 for text in texts)
    assert [row[0] for text in texts for row in json.loads(text)["loads"]] == keys
    assert list(notices(loads=[])) == ['{"loads":[]}']


def test_a_notice_of_loads_is_seen_at_once() -> None:
    fleet = fleet_of(registered("a"), a="ready")
    registry = registry_of(fleet)
    assert registry.replicas(name="m")[0].running is None
    [text] = notices(loads=[(key_of("a"), Carried(3, 1, 0.25, 0.75, None)), (key_of("x"), Carried(1))])
    fleet.told(text)
    [view] = registry.replicas(name="m")
    assert (view.running, view.waiting, view.kv_usage, view.prefix_hit_rate) == (3, 1, 0.25, 0.75)
    assert (view.state, view.since) == ("ready", SINCE)


@pytest.mark.parametrize(
    "words", ["", "x", "{}", '{"loads":3}', '{"loads":[[1,2,3,4,5,6,7,8]]}', "[]", "null"]
)
def test_what_cannot_be_read_changes_nothing(words: str) -> None:
    fleet = fleet_of(registered("a"), a="ready")
    before = fleet.generation
    fleet.told(words)
    assert fleet.generation == before


def test_without_a_watch_what_it_said_counts_no_more_and_without_a_database_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fleet = fleet_of(registered("a"), a="failed")
    monkeypatch.setattr(memory, "_SILENCE_SECONDS", 0.0)
    fleet.is_connected = lambda: False
    assert registry_of(fleet).replicas(name="m")[0].state == "failed"
    fleet.is_connected = lambda: True
    assert registry_of(fleet).replicas(name="m")[0].reason.code == "not_watched"


async def test_what_the_watch_sees_is_not_asked_for_again() -> None:
    """The address leads nowhere: whoever asked would find it down."""
    registry = registry_of(fleet_of(registered("127.0.0.1:9")))
    fleet = registry._fleet
    fleet.take(
        rows=FleetRows(
            registered=fleet.registered,
            seen={key_of("127.0.0.1:9"): SeenReplica("saturated", SINCE, Reason(), probed_at=SINCE)},
        )
    )
    [found] = await registry.deployments()
    assert (found.state, found.since) == ("ready", SINCE)
    [seen] = registry.last_seen()
    assert (seen.state, seen.age is not None and seen.age > 0) == ("ready", True)
    [asked] = await registry.deployments(anew=True)
    assert asked.state == "down"

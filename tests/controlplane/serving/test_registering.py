"""Registering models and replicas: what is refused, what the trail tells, and how keys are kept."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings

from controlplane.audit.chain import PLATFORM_CHAIN
from controlplane.audit.selectors import event_list
from controlplane.core.problems import Conflict, InvalidInput, NotFound
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.serving import services
from controlplane.serving.addresses import engine_url
from controlplane.serving.models import ModelDeployment, Replica, WantedState
from controlplane.serving.selectors import fleet_rows

pytestmark = pytest.mark.django_db
KEY = "sk-the-engines-own-key"


def deployed(**fields: Any) -> ModelDeployment:
    return services.deployment_create(actor="user:somebody", name=f"m-{uuid4().hex}", **fields)


def added(deployment: ModelDeployment, **fields: Any) -> Replica:
    return services.replica_add(
        actor="user:somebody",
        deployment_id=deployment.pk,
        **{"base_url": f"http://{uuid4().hex}:8000", **fields},
    )


def told(target: str) -> list[tuple[str, dict[str, Any]]]:
    with tenant_scope(PLATFORM_CHAIN):
        events = event_list(tenant_id=PLATFORM_CHAIN, target=target).order_by("sequence")
        assert {event.actor for event in events} <= {"user:somebody"}
        return [(event.action, event.data) for event in events]


def row(replica: Replica) -> Replica:
    with platform_scope():
        return Replica.objects.get(pk=replica.pk)


def test_a_replica_is_what_its_deployment_says_on_its_own_server() -> None:
    deployment = deployed(routes=["reasoner"], context_tokens=65536, preopened_reasoning=True)
    replica = added(
        deployment, base_url="http://r1:8000/", model="deepseek-ai/DeepSeek-R1", api_key=KEY, capacity=64
    )
    [found] = [each for each in fleet_rows().registered if each.id == replica.pk]
    endpoint = found.endpoint
    assert (endpoint.name, endpoint.base_url, endpoint.model) == (
        deployment.name,
        "http://r1:8000/v1",
        "deepseek-ai/DeepSeek-R1",
    )
    assert (endpoint.api_key, endpoint.capacity, endpoint.routes) == (KEY, 64, ("reasoner",))
    assert (endpoint.context_tokens, endpoint.preopened_reasoning, found.wanted) == (65536, True, "serving")


def test_a_stand_in_is_another_chat_model() -> None:
    large = deployed(routes=["reasoner"], overflow_to="r1-distill")
    replica = added(large)
    [found] = [each for each in fleet_rows().registered if each.id == replica.pk]
    assert found.endpoint.overflow_to == "r1-distill"
    for fields, code in (
        ({"overflow_to": large.name}, "own_stand_in"),
        ({"overflow_to": "a b"}, "invalid_model_name"),
        ({"kind": "embedding"}, "no_stand_in"),
        ({"name": "r1-distill"}, "own_stand_in"),
    ):
        with pytest.raises(InvalidInput) as refused:
            services.deployment_change(actor="user:somebody", deployment_id=large.pk, **fields)
        assert (refused.value.code, refused.value.field) == (code, "overflow_to")
        assert [action for action, _data in told(f"deployment:{large.pk}")] == ["deployment.created"]
    with pytest.raises(InvalidInput):
        deployed(kind="rerank", overflow_to="other")


def test_the_servers_name_of_a_model_is_the_deployments_unless_given() -> None:
    deployment = deployed()
    assert added(deployment).model == deployment.name


def test_a_key_lies_sealed_and_is_told_nowhere(settings: LazySettings) -> None:
    replica = added(deployed(), api_key=KEY)
    changed = services.replica_change(actor="user:somebody", replica_id=replica.pk, api_key=f"{KEY}-2")
    assert KEY not in row(changed).sealed_key
    events = told(f"replica:{replica.pk}")
    assert [action for action, _data in events] == ["replica.added", "replica.changed"]
    assert events[1][1]["has_key"] is True
    assert KEY not in json.dumps(events)
    settings.SECRET_KEY = "another secret of more than thirty-two characters"
    [found] = [each for each in fleet_rows().registered if each.id == replica.pk]
    assert (found.is_readable, found.endpoint.api_key) == (False, "")


def test_draining_resuming_and_removing_are_in_the_trail() -> None:
    deployment = deployed()
    replica = added(deployment)
    for wanted in (WantedState.DRAINING, WantedState.DRAINING, WantedState.OFF, WantedState.SERVING):
        services.replica_want(actor="user:somebody", replica_id=replica.pk, wanted=wanted)
        assert row(replica).wanted == wanted
    services.replica_remove(actor="user:somebody", replica_id=replica.pk)
    assert [action for action, _data in told(f"replica:{replica.pk}")] == [
        "replica.added",
        "replica.drained",
        "replica.switched_off",
        "replica.resumed",
        "replica.removed",
    ]
    with pytest.raises(NotFound):
        services.replica_remove(actor="user:somebody", replica_id=replica.pk)


def test_a_deployment_is_changed_and_removed_with_its_replicas() -> None:
    deployment = deployed(description="before")
    replica = added(deployment)
    services.deployment_change(
        actor="user:somebody", deployment_id=deployment.pk, description="after", routes=["chat"]
    )
    services.deployment_change(actor="user:somebody", deployment_id=deployment.pk, description="after")
    services.deployment_remove(actor="user:somebody", deployment_id=deployment.pk)
    assert told(f"deployment:{deployment.pk}")[1:] == [
        ("deployment.changed", {"description": "after", "routes": ["chat"]}),
        ("deployment.removed", {"name": deployment.name, "replicas": [replica.base_url]}),
    ]
    with platform_scope():
        assert not Replica.objects.filter(pk=replica.pk).exists()


def test_names_and_servers_are_taken_once() -> None:
    deployment, other = deployed(), deployed()
    replica = added(deployment, base_url="http://once:8000", model="m")
    with pytest.raises(Conflict) as taken:
        services.deployment_create(actor="system", name=deployment.name)
    assert (taken.value.code, taken.value.field) == ("deployment_exists", "name")
    with pytest.raises(Conflict):
        services.deployment_change(actor="system", deployment_id=other.pk, name=deployment.name)
    with pytest.raises(Conflict) as known:
        added(other, base_url="http://once:8000/v1/", model="m")
    assert (known.value.code, known.value.field) == ("replica_exists", "base_url")
    moved = added(other, base_url="http://twice:8000", model="m")
    with pytest.raises(Conflict):
        services.replica_change(actor="system", replica_id=moved.pk, base_url=replica.base_url)
    assert row(moved).base_url == "http://twice:8000/v1"
    assert added(other, base_url="http://once:8000", model="another").model == "another"


@pytest.mark.parametrize("name", ["", "assistant:x", "-x", "a b", "模型", "x" * 101, "a\nb", "../x"])
def test_names_that_no_caller_could_say_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as error:
        services.deployment_create(actor="system", name=name)
    assert error.value.field == "name"
    with pytest.raises(InvalidInput) as route:
        deployed(routes=["chat", name])
    assert route.value.field == "routes"


def test_a_deployment_has_so_many_routes_and_no_more() -> None:
    with pytest.raises(InvalidInput) as error:
        deployed(routes=[f"r{number}" for number in range(17)])
    assert error.value.code == "too_many_routes"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://r1/v1",
        "file:///etc/passwd",
        "r1:8000",
        "http://",
        "http://user:secret-word@r1/v1",
        "http://r1/v1?x=1",
        "http://r1/v1#x",
        "http://r1:0/v1",
        "http://r1:99999/v1",
        "http://r1/v1\r\nX: y",
        "http://r 1/v1",
        "http://" + "a" * 600,
        "http://169.254.169.254/latest",
        "http://[::ffff:169.254.169.254]/v1",
        "http://2852039166/v1",
        "http://0xa9fea9fe/v1",
        "http://169.254.43518/v1",
        "http://[fe80::1]/v1",
        "http://[fe80::1%25eth0]/v1",
        "http://100.100.100.200/v1",
        "http://[fd00:ec2::254]/v1",
        "http://metadata.google.internal/v1",
        "http://METADATA.google.internal./v1",
        "http://0.0.0.0/v1",
        "http://224.0.0.1/v1",
    ],
)
def test_addresses_that_no_engine_has_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as error:
        engine_url(given=url)
    assert (error.value.code, error.value.field) == ("invalid_engine_url", "base_url")
    assert "secret-word" not in json.dumps(error.value.document())


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://10.1.2.3:8000", "http://10.1.2.3:8000/v1"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("https://engines.example.org/r1/v1", "https://engines.example.org/r1/v1"),
        ("http://[fd12::1]:8000/v1", "http://[fd12::1]:8000/v1"),
        ("http://vllm:8000", "http://vllm:8000/v1"),
    ],
)
def test_addresses_inside_the_walls_are_taken(given: str, kept: str) -> None:
    assert engine_url(given=given) == kept

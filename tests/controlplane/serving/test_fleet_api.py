"""The registry over REST: the platform's administrators, and nobody else."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from rest_framework.test import APIClient

from controlplane.core.scope import platform_scope
from controlplane.identity.models import KeyScope
from controlplane.serving import services
from controlplane.serving.models import ModelDeployment, Replica, ReplicaHealth, WantedState
from controlplane.serving.reason_texts import REASONS, reason_text
from controlplane.serving.registry import registry
from inference.fleet import Reason, replica_key
from tests.controlplane.api.openai.conftest import configure
from tests.controlplane.console.pages import askers
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import Organisation, make_organisation, platform_admin
from tests.controlplane.serving.fleets import forget_everything, register
from tests.fakes.engine import Answer, FakeEngine

DEPLOYMENTS = "/api/v1/deployments"


@pytest.fixture
def admin(db: None) -> APIClient:
    return signed_in(platform_admin())


def created(client: APIClient, **fields: Any) -> dict[str, Any]:
    body = {"name": f"m-{uuid4().hex}", **fields}
    answer = client.post(DEPLOYMENTS, body, format="json")
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def with_replica(client: APIClient, **fields: Any) -> dict[str, Any]:
    deployment = created(client)
    body = {"base_url": f"http://{uuid4().hex}:8000", **fields}
    answer = client.post(f"{DEPLOYMENTS}/{deployment['id']}/replicas", body, format="json")
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def contents() -> list[Any]:
    with platform_scope():
        return [
            list(ModelDeployment.objects.order_by("pk").values()),
            list(Replica.objects.order_by("pk").values()),
        ]


def test_a_deployment_with_a_replica_from_beginning_to_end(admin: APIClient) -> None:
    deployment = created(admin, routes=["reasoner"], context_tokens=65536, description="the large one")
    address = f"{DEPLOYMENTS}/{deployment['id']}"
    assert (deployment["origin"], deployment["replicas"], deployment["kind"]) == ("registry", [], "chat")
    replica = admin.post(
        f"{address}/replicas",
        {"base_url": "http://r1:8000", "model": "deepseek-ai/DeepSeek-R1", "api_key": "sk-x", "capacity": 8},
        format="json",
    ).json()
    assert replica.pop("id")
    assert replica == {
        "origin": "registry",
        "base_url": "http://r1:8000/v1",
        "model": "deepseek-ai/DeepSeek-R1",
        "has_key": True,
        "capacity": 8,
        "wanted": "serving",
        "state": "starting",
        "reason": {"code": "not_watched", "words": "", "text": reason_text(reason=Reason("not_watched"))},
        **dict.fromkeys(("since", "running", "waiting", "kv_usage", "prefix_hit_rate")),
        **dict.fromkeys(("in_flight", "probed_at", "latency_ms")),
    }
    changed = admin.patch(address, {"description": "", "routes": []}, format="json").json()
    assert (changed["description"], changed["routes"], len(changed["replicas"])) == ("", [], 1)
    assert admin.get(address).json() == changed
    assert admin.delete(address).status_code == 204
    assert admin.get(address).status_code == 404


def test_a_replica_is_changed_drained_resumed_and_removed(admin: APIClient) -> None:
    replica = with_replica(admin)
    address = f"/api/v1/replicas/{replica['id']}"
    changed = admin.patch(address, {"capacity": 4, "api_key": "sk-x"}, format="json").json()
    assert (changed["capacity"], changed["has_key"]) == (4, True)
    drained = admin.post(f"{address}/drain").json()
    assert (drained["wanted"], drained["state"], drained["reason"]["code"]) == (
        "draining",
        "draining",
        "draining",
    )
    off = admin.post(f"{address}/switch-off").json()
    assert (off["state"], off["reason"]["code"]) == ("draining", "switched_off")
    assert admin.post(f"{address}/resume").json()["wanted"] == "serving"
    assert admin.delete(address).status_code == 204
    assert admin.get(address).status_code == 404


def test_what_the_watch_saw_is_shown(admin: APIClient) -> None:
    replica, now = with_replica(admin), timezone.now()
    with platform_scope():
        ReplicaHealth.objects.create(
            key=replica_key(base_url=replica["base_url"], model=replica["model"]),
            base_url=replica["base_url"],
            model=replica["model"],
            state="failed",
            reason_code="unreachable",
            reason_words="connection refused",
            since=now,
            probed_at=now,
            running=3,
            waiting=1,
            kv_usage=0.5,
            prefix_hit_rate=0.25,
            updated_at=now,
        )
    shown = admin.get(f"/api/v1/replicas/{replica['id']}", headers={"Accept-Language": "en"}).json()
    assert shown["state"] == "failed"
    assert shown["reason"] == {
        "code": "unreachable",
        "words": "connection refused",
        "text": "It does not answer. connection refused",
    }
    assert (shown["running"], shown["waiting"], shown["kv_usage"], shown["prefix_hit_rate"]) == (
        3,
        1,
        0.5,
        0.25,
    )


def test_keys_are_in_no_answer(admin: APIClient) -> None:
    replica = with_replica(admin, api_key="sk-the-engines-own")
    for address in (DEPLOYMENTS, f"/api/v1/replicas/{replica['id']}", "/api/v1/models"):
        assert "sk-the-engines-own" not in admin.get(address).text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"base_url": "http://u:p@r1/v1"}, "base_url"),
        ({"base_url": "gopher://r1"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({}, "base_url"),
        ({"base_url": "http://r1", "capacity": 0}, "capacity"),
        ({"base_url": "http://r1", "capacity": 10**9}, "capacity"),
        ({"base_url": "http://r1", "model": "x" * 201}, "model"),
        ({"base_url": "http://r1", "api_key": "x" * 501}, "api_key"),
    ],
)
def test_hostile_replicas_are_refused_by_field(admin: APIClient, body: dict[str, Any], field: str) -> None:
    deployment = created(admin)
    before = contents()
    answer = admin.post(f"{DEPLOYMENTS}/{deployment['id']}/replicas", body, format="json")
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert contents() == before


@pytest.fixture
def forgotten(committed: None) -> Iterator[None]:
    forget_everything()
    yield
    forget_everything()


def test_only_the_platforms_administrators_come_near_it(
    forgotten: None, committed_organisation: Organisation
) -> None:
    organisation, other = committed_organisation, make_organisation()
    replica = with_replica(signed_in(platform_admin()))
    with platform_scope():
        deployment = Replica.objects.get(pk=replica["id"]).deployment_id
    by, before = askers(organisation, other), contents()
    clients = [by.member, by.manager, by.department_admin, by.tenant_admin, by.elsewhere]
    clients.append(organisation.key(organisation.root, *KeyScope.values).client)
    calls: list[tuple[str, str, Any]] = [
        ("get", DEPLOYMENTS, None),
        ("post", DEPLOYMENTS, {"name": "x"}),
        ("get", f"{DEPLOYMENTS}/{deployment}", None),
        ("patch", f"{DEPLOYMENTS}/{deployment}", {"name": "x"}),
        ("delete", f"{DEPLOYMENTS}/{deployment}", None),
        ("post", f"{DEPLOYMENTS}/{deployment}/replicas", {"base_url": "http://x"}),
        ("get", f"/api/v1/replicas/{replica['id']}", None),
        ("patch", f"/api/v1/replicas/{replica['id']}", {"capacity": 1}),
        ("delete", f"/api/v1/replicas/{replica['id']}", None),
        *(("post", f"/api/v1/replicas/{replica['id']}/{verb}", {}) for verb in ("drain", "resume")),
        *(("post", f"/api/v1/replicas/{replica['id']}/{verb}", {}) for verb in ("switch-off", "probe")),
    ]
    for client in clients:
        for method, address, body in calls:
            answer = getattr(client, method)(
                address, json.dumps(body) if body is not None else None, content_type="application/json"
            )
            assert answer.status_code == 403, (method, address)
    assert contents() == before


def test_the_list_is_paged_and_costs_the_same_for_many(
    admin: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [{"name": "of-the-setting", "url": "http://given:8000/v1", "routes": ["chat"], "api_key": "k"}]
    configure(monkeypatch, engines=json.dumps(given))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(DEPLOYMENTS).status_code == 200
        return len(captured)

    with_replica(admin)
    queries()
    few = queries()
    for _ in range(3):
        with_replica(admin)
    assert queries() == few
    first = admin.get(DEPLOYMENTS, {"limit": 3}).json()
    [setting] = [row for row in first["results"] if row["origin"] == "setting"]
    assert (setting["id"], setting["name"], setting["routes"]) == (None, "of-the-setting", ["chat"])
    [replica] = setting["replicas"]
    assert (replica["id"], replica["base_url"], replica["has_key"]) == (None, "http://given:8000/v1", True)
    assert len(first["results"]) == 4
    second = admin.get(first["next"]).json()
    assert {row["origin"] for row in second["results"]} == {"registry"}
    registry.cache_clear()


def test_a_probe_says_how_it_went_and_changes_nothing(forgotten: None, engine: FakeEngine) -> None:
    [replica] = register(engine.base_url, model="fake-model")
    client = signed_in(platform_admin())
    before = contents()
    address = f"/api/v1/replicas/{replica.pk}/probe"
    answered = client.post(address).json()
    assert (answered["outcome"], answered["code"]) == ("answered", "")
    engine.answers = Answer(status=500, error="EngineCore encountered an issue")
    missed = client.post(address).json()
    assert (missed["outcome"], missed["code"]) == ("missed", "unreachable")
    assert "EngineCore encountered an issue" in missed["words"]
    assert contents() == before
    assert client.post(f"/api/v1/replicas/{uuid4()}/probe").status_code == 404


def test_every_reason_has_words_in_both_languages() -> None:
    for code, text in REASONS.items():
        with translation.override("en"):
            english = str(text)
        with translation.override("zh-hans"):
            assert str(text) != english, code


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    registry.cache_clear()
    yield
    registry.cache_clear()


def test_wanting_is_told_before_the_watch_has_acted(admin: APIClient) -> None:
    replica = with_replica(admin)
    services.replica_want(actor="system", replica_id=replica["id"], wanted=WantedState.DRAINING)
    assert admin.get(f"/api/v1/replicas/{replica['id']}").json()["state"] == "draining"

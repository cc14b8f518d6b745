"""The page of engines: what the platform's administrators see and do there, and that nobody else does."""

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from controlplane.core.scope import platform_scope
from controlplane.core.sealing import unseal
from controlplane.serving import services
from controlplane.serving.models import ModelDeployment, Replica, ReplicaHealth, WantedState
from controlplane.serving.registry import registry
from inference.fleet import replica_key
from tests.controlplane.console.pages import askers, mark_in, queries_of
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.organisations import Organisation, platform_admin

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def admin(db: None) -> Client:
    registry.cache_clear()
    return signed_in(platform_admin())


def one(**fields: Any) -> Replica:
    deployment = services.deployment_create(actor="system", name=f"m-{uuid4().hex[:8]}", routes=["reasoner"])
    return services.replica_add(
        actor="system", deployment_id=deployment.pk, base_url=f"http://{uuid4().hex[:8]}:8000", **fields
    )


def seen(replica: Replica, state: str, **fields: Any) -> None:
    now = timezone.now()
    with platform_scope():
        ReplicaHealth.objects.create(
            key=replica_key(base_url=replica.base_url, model=replica.model),
            base_url=replica.base_url,
            model=replica.model,
            state=state,
            since=now,
            updated_at=now,
            **fields,
        )


def contents() -> list[Any]:
    with platform_scope():
        return [
            list(ModelDeployment.objects.order_by("pk").values()),
            list(Replica.objects.order_by("pk").values()),
        ]


def test_states_reasons_and_loads_are_shown(admin: Client) -> None:
    busy, dead, draining = one(capacity=16), one(api_key="sk-the-engines-own"), one()
    seen(busy, "saturated", reason_code="requests_waiting", running=16, waiting=5, kv_usage=0.83)
    seen(dead, "failed", reason_code="unreachable", reason_words="<b>refused</b>")
    services.replica_want(actor="system", replica_id=draining.pk, wanted=WantedState.DRAINING)
    seen(draining, "draining", in_flight=2)
    page = admin.get("/engines/", headers=ENGLISH).text
    for text in ("Requests wait in its queue.", "16<span", "> 5<", "83 %", "It does not answer.", "reasoner"):
        assert text.replace("> 5<", ">5<") in page, text
    assert "&lt;b&gt;refused&lt;/b&gt;" in page
    assert "2 requests under way" in page
    assert "sk-the-engines-own" not in page
    with platform_scope():
        ReplicaHealth.objects.filter(base_url=draining.base_url).update(in_flight=0)
    assert "Nothing is under way: it may be stopped." in admin.get("/engines/", headers=ENGLISH).text


def test_a_model_is_registered_with_its_first_replica_and_once(admin: Client) -> None:
    form = admin.get("/engines/add")
    sent = {
        "once": mark_in(form),
        "name": "deepseek-r1",
        "kind": "chat",
        "base_url": "http://r1:8000",
        "model": "deepseek-ai/DeepSeek-R1",
        "api_key": "sk-x",
        "capacity": "64",
        "routes": "reasoner, auto",
        "context_tokens": "65536",
        "description": "",
    }
    for _ in range(2):
        assert admin.post("/engines/add", sent).status_code == 302
    with platform_scope():
        [deployment] = ModelDeployment.objects.filter(name="deepseek-r1")
        [replica] = deployment.replicas.all()
    assert (deployment.routes, deployment.context_tokens) == (["reasoner", "auto"], 65536)
    assert (replica.base_url, replica.capacity, unseal(replica.sealed_key)) == (
        "http://r1:8000/v1",
        64,
        "sk-x",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("base_url", "http://169.254.169.254"), ("name", "assistant:x"), ("routes", "a b"), ("capacity", "0")],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(
    admin: Client, field: str, value: str
) -> None:
    before = contents()
    sent = {"name": f"m-{uuid4().hex}", "kind": "chat", "base_url": "http://r1:8000", field: value}
    answer = admin.post("/engines/add", sent)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.text
    assert contents() == before


def test_replicas_are_added_changed_drained_and_removed(admin: Client) -> None:
    first = one(api_key="sk-x")
    added = admin.post(f"/engines/{first.deployment_id}/add", {"base_url": "http://second:8000"})
    assert added.status_code == 302
    changed = {"base_url": first.base_url, "model": "other", "capacity": "8", "api_key": ""}
    assert admin.post(f"/replicas/{first.pk}/", changed).status_code == 302
    with platform_scope():
        row = Replica.objects.get(pk=first.pk)
    assert (row.model, row.capacity, unseal(row.sealed_key)) == ("other", 8, "sk-x")
    for verb, wanted in (("drain", "draining"), ("off", "off"), ("resume", "serving")):
        assert admin.post(f"/replicas/{first.pk}/{verb}").status_code == 302
        with platform_scope():
            assert Replica.objects.get(pk=first.pk).wanted == wanted
    assert first.base_url in admin.get(f"/replicas/{first.pk}/remove").text
    assert admin.post(f"/replicas/{first.pk}/remove").status_code == 302
    renamed = {"name": f"m-{uuid4().hex}", "kind": "chat", "routes": "", "description": "x"}
    assert admin.post(f"/engines/{first.deployment_id}/", renamed).status_code == 302
    assert admin.post(f"/engines/{first.deployment_id}/remove").status_code == 302
    with platform_scope():
        assert not ModelDeployment.objects.filter(pk=first.deployment_id).exists()


def test_nobody_else_comes_near_it(organisation: Organisation, other: Organisation) -> None:
    replica = one()
    by, before = askers(organisation, other), contents()
    pages = ["/engines/", "/engines/add", *(f"/replicas/{replica.pk}/{p}" for p in ("", "remove"))]
    pages += [f"/engines/{replica.deployment_id}/{page}" for page in ("", "add", "remove")]
    posts = [*pages[1:], *(f"/replicas/{replica.pk}/{verb}" for verb in ("drain", "resume", "off"))]
    for client in (by.member, by.manager, by.department_admin, by.tenant_admin, by.elsewhere):
        for address in pages:
            assert client.get(address).status_code == 403, address
        for address in posts:
            assert client.post(address, {"name": "x", "base_url": "http://x"}).status_code == 403, address
    assert contents() == before


def test_many_engines_cost_no_more_queries_than_one(admin: Client) -> None:
    one()
    few = queries_of(admin, "/engines/")
    for _ in range(4):
        one()
    assert queries_of(admin, "/engines/") == few


def test_without_engines_the_page_says_what_to_do(admin: Client) -> None:
    with platform_scope():
        ModelDeployment.objects.all().delete()
    assert "Register a model with the address" in admin.get("/engines/", headers=ENGLISH).text


def test_every_event_of_the_registry_has_words() -> None:
    from controlplane.console.audit_words import _SENTENCES

    assert {
        *("deployment.created", "deployment.changed", "deployment.removed"),
        *(
            f"replica.{verb}"
            for verb in ("added", "changed", "removed", "drained", "resumed", "switched_off")
        ),
    } <= _SENTENCES.keys()

"""REST of the planner: who may ask, what is answered, and what a wrong question is told."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Role
from tests.controlplane.console.pages import askers, refused, signed_in
from tests.controlplane.organisations import Organisation, platform_admin

QUESTION = {"model": "deepseek-r1", "accelerator": "h200", "cards_per_node": 8}
LAUNCH = {"plan": QUESTION, "form": "compose"}
ADDRESSES = [
    ("get", "accelerators"),
    ("get", "models/catalogue"),
    ("post", "plans"),
    ("post", "plans/launch"),
]


def _ask(client: Any, method: str, address: str, body: dict[str, Any] | None = None) -> Any:
    body = body if body is not None else LAUNCH if address == "plans/launch" else QUESTION
    given = {"data": body, "content_type": "application/json"} if method == "post" else {}
    return getattr(client, method)(f"/api/v1/{address}", HTTP_ACCEPT_LANGUAGE="en", **given)


@pytest.mark.parametrize(("method", "address"), ADDRESSES)
def test_administrators_of_the_tenant_or_the_platform_ask(
    organisation: Organisation, other: Organisation, method: str, address: str
) -> None:
    by = askers(organisation, other)
    allowed = [by.tenant_admin, by.elsewhere, signed_in(platform_admin())]
    for client in (by.member, by.manager, by.department_admin):
        refused(organisation, lambda c=client: _ask(c, method, address), 403)  # type: ignore[misc]
    for client in allowed:
        assert _ask(client, method, address).status_code == 200
    assert _ask(APIClient(), method, address, {}).status_code == 401


def test_keys_ask_with_the_scope_of_administrators(organisation: Organisation) -> None:
    for scope, status in ((KeyScope.ADMIN, 200), (KeyScope.CHAT, 403), (KeyScope.DOCUMENTS_WRITE, 403)):
        client = organisation.key(organisation.root, scope).client
        for address, body in (("plans", QUESTION), ("plans/launch", LAUNCH)):
            answer = client.post(f"/api/v1/{address}", body, format="json")
            assert answer.status_code == status, (scope, address)


@pytest.fixture
def admin(organisation: Organisation) -> Any:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def test_a_plan(admin: Any) -> None:
    answer = _ask(admin, "post", "plans").json()
    assert answer["fits"] is True
    chosen = answer["chosen"]
    assert (chosen["layout"], chosen["kv"]["bytes_per_token"]) == ("TP8 EP8", 70_272)
    memory = chosen["memory"]
    parts = ("weights", "activations", "runtime", "kv", "reserve")
    assert sum(memory[part] for part in parts) == memory["usable"]
    assert answer["launch"]["commands"][0]["text"].startswith("vllm serve deepseek-ai/DeepSeek-R1 ")
    assert answer["costs"] is None


def test_a_plan_with_costs_has_money_as_text(admin: Any) -> None:
    costs = {"purchase_per_card": "250000", "requests_per_month": 3_000_000, "start": "2025-03-01"}
    body = QUESTION | {"workload": {"concurrency": 64}, "costs": costs}
    sheet = _ask(admin, "post", "plans", body).json()["costs"]
    assert sheet["own"]["purchase"] == "2000000.00"
    assert sheet["api"]["model"] == "deepseek-reasoner"
    assert sheet["break_even_date"] == "2027-06-25"


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"model": "gpt-4"}, "unknown_model", "model"),
        ({"accelerator": "v100"}, "unknown_accelerator", "accelerator"),
        ({"cards_per_node": 0}, "out_of_range", "cards_per_node"),
        ({"cards_per_node": None}, "invalid_field", "cards_per_node"),
        ({"workload": {"context_tokens": 200_000}}, "context_too_long", "context_tokens"),
        ({"costs": {}}, "purchase_or_lease", "costs.purchase_per_card"),
        ({"utilization": "nan"}, "invalid_field", "utilization"),
        ({"costs": {"purchase_per_card": "NaN"}}, "invalid_field", "costs.purchase_per_card"),
    ],
)
def test_a_wrong_question_names_the_field(admin: Any, change: dict[str, Any], code: str, field: str) -> None:
    answer = _ask(admin, "post", "plans", QUESTION | change)
    assert answer.status_code == 422
    told = answer.json()
    assert (told["code"], told["field"]) == (code, field)
    if code != "invalid_field":
        assert told["remedy"]


def test_the_lists(admin: Any) -> None:
    cards = {each["id"]: each for each in _ask(admin, "get", "accelerators").json()["results"]}
    assert cards["h200"]["bandwidth_gbs"] == 4800
    assert cards["ascend-a3"]["watts"] is None
    known = {each["id"]: each for each in _ask(admin, "get", "models/catalogue").json()["results"]}
    assert known["deepseek-r1"]["parameters"] == pytest.approx(671e9, rel=0.01)
    assert "fp8" in [form["precision"] for form in known["deepseek-r1"]["forms"]]
    assert known["use-multilingual-v3"]["parameters"] is None


def test_the_file_that_starts_a_plan_and_what_the_registry_is_told(admin: Any) -> None:
    site = {"models": "/data", "model_path": "r1", "name": "r1", "cpus": 96}
    answer = _ask(admin, "post", "plans/launch", {**LAUNCH, "site": site}).json()
    assert (answer["form"], answer["file_name"]) == ("compose", "engine.yml")
    assert "- /models/r1\n" in answer["content"]
    assert "- /data:/models:ro\n" in answer["content"]
    assert answer["deployment"] == {"name": "deepseek-r1", "kind": "chat", "routes": ["reasoner"]}
    [replica] = answer["replicas"]
    assert replica == {"base_url": "http://engine-r1:8000/v1", "model": "deepseek-r1", "capacity": 16}


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"form": "ansible"}, "invalid_field", "form"),
        ({"site": {"name": "R1!"}}, "deployment_invalid", "site.name"),
        ({"site": {"image": "vllm"}}, "deployment_invalid", "site.image"),
        ({"site": {"interface": "-x"}}, "deployment_invalid", "site.interface"),
        ({"site": {"model_path": "../etc"}}, "deployment_invalid", "site.model_path"),
        ({"plan": QUESTION | {"nodes": 2, "accelerator": "h800-80"}}, "form_needs_one_node", "form"),
        ({"plan": QUESTION | {"accelerator": "rtx-4090"}}, "plan_does_not_fit", "plan.model"),
        ({"plan": QUESTION | {"accelerator": "mi300x"}}, "accelerator_not_written", "plan.accelerator"),
    ],
)
def test_what_cannot_be_started_so_names_the_field(
    admin: Any, change: dict[str, Any], code: str, field: str
) -> None:
    answer = _ask(admin, "post", "plans/launch", {**LAUNCH, **change})
    assert answer.status_code == 422
    found = answer.json()
    assert (found["code"], found["field"]) == (code, field), found

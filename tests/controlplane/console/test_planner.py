"""The capacity planner's page."""

import html
import re
from typing import Any

import pytest

from controlplane.console.plan_bar import memory_bar
from controlplane.core.secrecy import Secrecy
from controlplane.tenants.models import Role
from inference.planner import CardMemory
from tests.controlplane.console.pages import askers, queries_of, refused, signed_in
from tests.controlplane.organisations import Organisation, platform_admin

ASKED = {"model": "deepseek-r1", "accelerator": "h200", "cards_per_node": "8"}
GIB = 1024**3


@pytest.fixture
def admin(organisation: Organisation) -> Any:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def test_administrators_of_the_organisation_or_the_platform_plan(
    organisation: Organisation, other: Organisation
) -> None:
    by = askers(organisation, other)
    for client in (by.member, by.manager, by.department_admin):
        refused(organisation, lambda client=client: client.get("/planner/", ASKED), 403)  # type: ignore[misc]
        assert "/planner/" not in client.get("/").text
    for client in (by.tenant_admin, by.elsewhere, signed_in(platform_admin())):
        page = client.get("/planner/", ASKED)
        assert page.status_code == 200
        assert 'href="/planner/"' in page.text


def test_the_empty_page_asks(admin: Any) -> None:
    page = admin.get("/planner/")
    assert page.status_code == 200
    assert 'name="model"' in page.text
    assert "planner-verdict" not in page.text
    assert not re.search(r" (style|onclick)=", page.text)


def test_a_plan_is_shown_with_commands_to_copy(admin: Any) -> None:
    page = admin.get("/planner/", ASKED | {"concurrency": "64"})
    assert "planner-verdict--good" in page.text
    assert "TP8 EP8" in page.text
    assert "vllm serve deepseek-ai/DeepSeek-R1 " in page.text
    assert page.text.count("data-copies=") == 1
    assert "planner-bar__kv" in page.text
    assert "Purchase in all" not in page.text
    assert not re.search(r" (style|onclick)=", page.text)


def test_what_does_not_fit_is_shown_with_what_to_do(admin: Any) -> None:
    page = admin.get("/planner/", ASKED | {"accelerator": "h100-80", "precision": "fp8"})
    assert "planner-verdict--bad" in page.text
    assert "planner-bar__kv" not in page.text
    assert "vllm serve" not in page.text
    assert "TP8 PP2" in page.text  # to buy
    assert "INT4" in page.text  # to take instead


def test_costs_come_with_a_price(admin: Any) -> None:
    money = {"purchase_per_card": "250000", "power_price_kwh": "0.8", "requests_per_month": "3000000"}
    page = admin.get("/planner/", ASKED | {"concurrency": "64"} | money)
    assert page.status_code == 200
    assert "2,000,000.00" in page.text
    assert "deepseek-reasoner" in page.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cards_per_node": "many"}, "cards_per_node"),
        ({"cards_per_node": "500"}, "cards_per_node"),
        ({"context_tokens": "200000"}, "context_tokens"),
        ({"model": "gpt-4"}, "model"),
        ({"precision": "nvfp4"}, "precision"),
        ({"purchase_per_card": "1", "lease_per_card_hour": "1"}, "lease_per_card_hour"),
        ({"purchase_per_card": "1", "currency": "EUR"}, "exchange_rate"),
        ({"purchase_per_card": "1", "pue": "9"}, "pue"),
    ],
)
def test_a_wrong_field_is_marked(admin: Any, change: dict[str, str], field: str) -> None:
    page = admin.get("/planner/", ASKED | change)
    assert page.status_code == 422
    assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', page.text)
    assert "planner-verdict" not in page.text


def test_the_page_speaks_chinese(admin: Any) -> None:
    admin.cookies["django_language"] = "zh-hans"
    page = admin.get("/planner/", ASKED, HTTP_ACCEPT_LANGUAGE="zh-hans")
    assert "容量规划" in page.text
    assert "装得下" in page.text


def test_planning_asks_the_database_nothing_of_its_own(admin: Any) -> None:
    assert queries_of(admin, "/planner/?model=deepseek-r1&accelerator=h200&cards_per_node=8") <= queries_of(
        admin, "/planner/"
    )


@pytest.mark.parametrize("weights", [40, 90])
def test_the_bar_is_as_long_as_its_parts(weights: int) -> None:
    memory = CardMemory(
        usable=80 * GIB, budget=72 * GIB, weights=weights * GIB, activations=2 * GIB, runtime=3 * GIB
    )
    bar = memory_bar(memory=memory)
    assert sum(part.width for part in bar.parts) == pytest.approx(100, abs=0.1)
    assert bar.limit == pytest.approx(90 if weights == 40 else 72 / 95 * 100, abs=0.1)
    assert [part.tone for part in bar.parts][3:] == (["kv", "reserve"] if weights == 40 else [])


def test_files_that_start_a_plan_are_offered_and_filled_in_where_they_are_registered(
    organisation: Organisation, other: Organisation, admin: Any
) -> None:
    by, platform = askers(organisation, other), signed_in(platform_admin())
    for client in (by.member, by.manager, by.department_admin):
        address = "/planner/files/compose"
        refused(organisation, lambda c=client, a=address: c.get(a, ASKED), 403)  # type: ignore[misc]
    page = admin.get("/planner/", ASKED, headers={"Accept-Language": "en"}).text
    links = re.findall(r'href="(/planner/files/[^"]+)"', page)
    assert [link.partition("?")[0] for link in links] == [
        f"/planner/files/{form}" for form in ("process", "compose", "helm", "leader-worker-set")
    ]
    file = admin.get(html.unescape(links[1]))
    assert file.headers["Content-Disposition"] == 'attachment; filename="engine.yml"'
    assert file.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "engine-deepseek-r1:" in file.text
    assert "Register it when it runs" not in page
    shown = platform.get("/planner/", ASKED, headers={"Accept-Language": "en"}).text
    addresses = re.findall(r'href="(/engines/add[^"]+)"', shown)
    places = [
        "127.0.0.1:8000",
        "engine-deepseek-r1:8000",
        "deepseek-r1-router-service:80",
        "deepseek-r1:8000",
    ]
    for address, place in zip(addresses, places, strict=True):
        form = platform.get(html.unescape(address)).text
        for value in ("deepseek-r1", f"http://{place}/v1", "reasoner", "16"):
            assert f'value="{value}"' in form


def test_a_form_that_does_not_start_the_plan_says_why(admin: Any) -> None:
    asked = ASKED | {"accelerator": "h800-80", "nodes": "2"}
    page = admin.get("/planner/", asked, headers={"Accept-Language": "en"}).text
    assert page.count("This form starts engines of one host") == 2
    assert "/planner/files/leader-worker-set" in page
    assert admin.get("/planner/files/compose", asked).status_code == 422
    for address in ("/planner/files/ansible", "/planner/files/compose?model=gpt-4"):
        assert admin.get(address).status_code == 404

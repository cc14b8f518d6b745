"""The page of the requests, and the costs on the page of the usage."""

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.test import Client

from controlplane.audit.selectors import event_list
from controlplane.console.charts import Series, bar_chart
from controlplane.console.templatetags.ledger import cost
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.tenants.models import Role
from tests.controlplane.console.pages import askers, queries_of, refused
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.metering.test_ledger_api import HOUR, MAY, request
from tests.controlplane.organisations import Organisation
from tests.controlplane.serving.prices import book_text, imported

VIEWS = ("/requests/", "/requests/export")
ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def boss(organisation: Organisation) -> Client:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


@pytest.fixture
def requests(organisation: Organisation) -> list[str]:
    imported(at=MAY)
    return [
        request(organisation, MAY, end_user="<img src=x>"),
        request(
            organisation, MAY + HOUR, "failed", code="engine_failed", department_id=organisation.energy.pk
        ),
    ]


def test_only_who_administers_a_department_sees_its_requests(
    organisation: Organisation, other: Organisation, requests: list[str]
) -> None:
    by = askers(organisation, other)
    for client in (by.member, by.manager):
        for address in VIEWS:
            refused(organisation, lambda c=client, a=address: c.get(a), 403)
    assert 'href="/requests/"' not in by.manager.get("/usage/").text
    assert "engine_failed" in by.tenant_admin.get("/requests/").text
    assert "engine_failed" not in by.department_admin.get("/requests/").text
    assert "&lt;img src=x&gt;" in by.department_admin.get("/requests/").text
    assert "deepseek-r1" not in by.elsewhere.get("/requests/").text


def test_a_request_is_told_in_both_languages_with_its_cost(boss: Client, requests: list[str]) -> None:
    english = boss.get("/requests/", headers=ENGLISH).text
    for text in ("¥ 0.000064", "own@1/deepseek-r1/standard", "4 cached", "answered", "failed", "Energy"):
        assert text in english, text
    assert "<img src=x>" not in english
    chinese = boss.get("/requests/", headers={"Accept-Language": "zh-CN"}).text
    for text in ("请求明细", "费用", "缓存命中 4"):
        assert text in chinese, text


def test_the_list_is_filtered_and_nonsense_is_no_filter(
    organisation: Organisation, boss: Client, requests: list[str]
) -> None:
    key = organisation.key(organisation.finance, KeyScope.CHAT)
    request(organisation, MAY + 2 * HOUR, actor=key.principal.actor, model="only-of-the-key")
    for asked, shown in (
        (f"who={key.principal.actor}", {"only-of-the-key"}),
        ("who=test", {"only-of-the-key"}),
        ("who=nobody", set()),
        ("outcome=failed", {"engine_failed"}),
        (f"department={organisation.energy.pk}", {"engine_failed"}),
        ("model=only-of-the-key", {"only-of-the-key"}),
        ("since=2026-05-02", set()),
        ("since=2026-05-01&until=2026-05-01", {"engine_failed", "only-of-the-key"}),
        ("since=yesterday&outcome=lost&department=7&model=%00", {"engine_failed", "only-of-the-key"}),
    ):
        page = boss.get(f"/requests/?{asked}").text.partition('id="list"')[2]
        marks = ("engine_failed", "only-of-the-key")
        assert {mark for mark in marks if mark in page} == shown, asked


def test_the_export_holds_what_the_list_shows(
    organisation: Organisation, boss: Client, requests: list[str]
) -> None:
    answer = boss.get("/requests/export?outcome=failed")
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(StringIO(content))] == [requests[1]]
    with tenant_scope(organisation.tenant.pk):
        [event] = event_list(tenant_id=organisation.tenant.pk, action="ledger.exported")
    assert event.data == {"outcome": "failed"}
    assert boss.get("/requests/export?who=nobody").status_code == 422


def test_the_page_takes_the_same_queries_however_long(
    organisation: Organisation, boss: Client, requests: list[str]
) -> None:
    few = queries_of(boss, "/requests/")
    for minute in range(30):
        request(organisation, MAY + 3 * HOUR + timedelta(minutes=minute))
    assert queries_of(boss, "/requests/") == few


@pytest.mark.parametrize("group_by", ["day", "department", "model"])
def test_the_usage_draws_the_costs(
    organisation: Organisation, other: Organisation, requests: list[str], group_by: str
) -> None:
    dollars = book_text(book="dollars", currency="USD")
    imported(at=MAY + 2 * HOUR, content=dollars)
    request(organisation, MAY + 3 * HOUR, department_id=organisation.energy.pk)
    address = f"/usage/?group_by={group_by}&since=2026-05-01&until=2026-05-02"
    by = askers(organisation, other)
    whole = by.tenant_admin.get(address, headers=ENGLISH).text
    for text in ("Cost of requests, CNY", "Cost of requests, USD", "0.000128 CNY", "0.000064 USD"):
        assert (text in whole) == (text != "0.000128 CNY" or group_by != "department"), text
    own = by.department_admin.get(address, headers=ENGLISH).text
    assert "0.000064 CNY" in own
    assert "USD" not in own
    assert "Cost of requests" not in by.elsewhere.get(address, headers=ENGLISH).text


def test_without_a_price_book_there_is_no_chart_of_costs(organisation: Organisation, boss: Client) -> None:
    request(organisation, MAY)
    page = boss.get("/usage/?since=2026-05-01&until=2026-05-02", headers=ENGLISH).text
    assert "Cost of requests" not in page
    by_assistant = boss.get("/usage/?group_by=assistant&since=2026-05-01&until=2026-05-02")
    assert by_assistant.status_code == 200


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (None, "", "–"),
        (Decimal(0), "", "0"),
        (Decimal("0.000000000001"), "CNY", "¥ 0.000000000001"),
        (Decimal("0.007600000000"), "CNY", "¥ 0.0076"),
        (Decimal("0.123456"), "USD", "$ 0.1235"),
        (Decimal("1234.567"), "CHF", "CHF 1,234.57"),
    ],
)
def test_money_is_told_briefly(amount: Decimal | None, currency: str, told: str) -> None:
    assert cost(amount, currency) == told


def test_small_amounts_are_told_in_a_chart() -> None:
    chart = bar_chart(title="t", labels=["a"], series=[Series("s", [0.000064], 1)])
    assert chart.rows == [("a", ["0.000064"])]
    assert not any("e-" in tick.label for tick in chart.grid)


def test_the_period_of_a_request_is_that_of_its_admission(boss: Client, organisation: Organisation) -> None:
    request(organisation, datetime(2026, 5, 1, 15, 59, tzinfo=UTC), model="before-midnight")
    assert "before-midnight" in boss.get("/requests/?until=2026-05-01").text
    assert "before-midnight" not in boss.get("/requests/?since=2026-05-02").text

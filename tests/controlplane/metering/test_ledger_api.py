"""GET /api/v1/ledger: filtered, paged, exported, and for who administers the department."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope
from controlplane.metering.entries import Entry
from controlplane.metering.ledger import ledger_take
from controlplane.tenants.models import Department
from tests.controlplane.console.pages import askers, queries_of
from tests.controlplane.metering.talk import id_at
from tests.controlplane.metering.test_ledger import admission, ending
from tests.controlplane.organisations import Key, Organisation
from tests.controlplane.serving.prices import imported

LEDGER = "/api/v1/ledger"
MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def request(organisation: Organisation, at: datetime, outcome: str = "given", **changes: Any) -> str:
    """Its id."""
    ends = {name: changes.pop(name) for name in ("deployment", "code") if name in changes}
    noted = admission(
        organisation, **{"id": id_at(at), "admitted_at": at, "actor": f"key:{uuid4()}"} | changes
    )
    ledger_take(entries=[Entry(noted, ending(outcome=outcome, **ends))])
    return str(noted.id)


@pytest.fixture
def requests(organisation: Organisation) -> list[str]:
    """Newest first: one of lending, one of energy, and one of finance that failed."""
    imported(at=MAY)
    made = [
        request(organisation, MAY, "failed", code="engine_failed", model="chat"),
        request(
            organisation,
            MAY + HOUR,
            department_id=organisation.energy.pk,
            end_user="=cmd()",
            deployment="qwen",
        ),
        request(organisation, MAY + 2 * HOUR, department_id=organisation.lending.pk),
    ]
    return made[::-1]


@pytest.fixture
def boss(organisation: Organisation) -> Key:
    return organisation.key(organisation.root, KeyScope.ADMIN)


def ids(client: APIClient, **params: str) -> list[str]:
    answer = client.get(LEDGER, params)
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_a_request_is_told_with_its_cost(organisation: Organisation, requests: list[str], boss: Key) -> None:
    row = boss.client.get(LEDGER).json()["results"][0]
    assert row["id"] == requests[0]
    expected = {
        "admitted_at": "2026-05-01T22:00:00+08:00",
        "department": str(organisation.lending.pk),
        "department_name": "Lending",
        "model": "reasoner",
        "deployment": "deepseek-r1",
        "outcome": "given",
        "prompt_tokens": 7,
        "cached_tokens": 4,
        "estimated": False,
        "total_ms": 900,
        "cost": "0.000064",
        "currency": "CNY",
        "price_rule": "own@1/deepseek-r1/standard",
    }
    assert {name: row[name] for name in expected} == expected
    without_price = boss.client.get(LEDGER).json()["results"][1]
    assert (without_price["cost"], without_price["currency"]) == (None, "")


def test_the_ledger_is_filtered(organisation: Organisation, requests: list[str], boss: Key) -> None:
    lending, energy, finance = requests
    actor = boss.client.get(LEDGER).json()["results"][2]["actor"]
    for params, expected in (
        ({}, requests),
        ({"from": "2026-05-01T13:00:00Z"}, [lending, energy]),
        ({"from": "2026-05-01T12:00:00Z", "to": "2026-05-01T13:00:00Z"}, [finance]),
        ({"department": "finance"}, [finance]),
        ({"department": str(organisation.energy.pk)}, [energy]),
        ({"key": actor.removeprefix("key:")}, [finance]),
        ({"actor": actor}, [finance]),
        ({"model": "chat"}, [finance]),
        ({"deployment": "qwen"}, [energy]),
        ({"outcome": "failed"}, [finance]),
        ({"outcome": "failed", "model": "reasoner"}, []),
    ):
        assert ids(boss.client, **params) == expected, params


def test_administrators_see_their_departments_and_nobody_else_any(
    organisation: Organisation, other: Organisation, requests: list[str]
) -> None:
    lending, _energy, finance = requests
    by = askers(organisation, other)
    assert ids(by.tenant_admin) == requests
    assert ids(by.department_admin) == [lending, finance]
    assert ids(organisation.key(organisation.energy, KeyScope.ADMIN).client) == [requests[1]]
    assert by.department_admin.get(LEDGER, {"department": "energy"}).status_code == 404
    assert ids(by.elsewhere) == []
    writer = organisation.key(organisation.root, KeyScope.CHAT, KeyScope.DOCUMENTS_WRITE).client
    for client in (by.member, by.manager, writer):
        for params in ({}, {"format": "csv"}):
            answer = client.get(LEDGER, params)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_an_administrator")
    assert APIClient().get(LEDGER).status_code == 401
    assert exports(organisation) == []
    for method in ("post", "put", "patch", "delete"):
        assert getattr(by.tenant_admin, method)(LEDGER).status_code == 405
    assert ids(by.tenant_admin) == requests


def test_the_ledger_is_paged_both_ways(requests: list[str], boss: Key) -> None:
    first = boss.client.get(LEDGER, {"limit": "2"}).json()
    assert ([row["id"] for row in first["results"]], first["previous"]) == (requests[:2], None)
    second = boss.client.get(first["next"]).json()
    assert ([row["id"] for row in second["results"]], second["next"]) == (requests[2:], None)
    assert boss.client.get(second["previous"]).json()["results"] == first["results"]


def test_the_list_takes_the_same_queries_however_long(
    organisation: Organisation, other: Organisation, requests: list[str]
) -> None:
    client = askers(organisation, other).tenant_admin
    few = queries_of(client, LEDGER)
    for minute in range(30):
        request(organisation, MAY + 3 * HOUR + timedelta(minutes=minute))
    assert queries_of(client, LEDGER) == few


@pytest.mark.parametrize(
    ("params", "field", "code"),
    [
        ({"from": "2026-05-02T00:00:00Z", "to": "2026-05-01T00:00:00Z"}, "from", "span_reversed"),
        ({"from": "yesterday"}, "from", "invalid_field"),
        ({"outcome": "lost"}, "outcome", "invalid_field"),
        ({"key": "x"}, "key", "invalid_field"),
        ({"cursor": "x"}, "cursor", "invalid_cursor"),
    ],
)
def test_bad_input_names_its_field(boss: Key, params: dict[str, str], field: str, code: str) -> None:
    answer = boss.client.get(LEDGER, params)
    assert (answer.status_code, answer.json()["field"], answer.json()["code"]) == (422, field, code)


def exports(organisation: Organisation) -> list[Any]:
    with tenant_scope(organisation.tenant.pk):
        return list(event_list(tenant_id=organisation.tenant.pk, action="ledger.exported"))


def test_the_export_is_a_file_for_excel_and_recorded(
    organisation: Organisation, requests: list[str], boss: Key
) -> None:
    with tenant_scope(organisation.tenant.pk):
        Department.objects.filter(pk=organisation.lending.pk).update(name="+Lending")
    answer = boss.client.get(LEDGER, {"format": "csv", "from": "2026-05-01T13:00:00Z"})
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.DictReader(StringIO(content)))
    assert [row["id"] for row in rows] == requests[:2]
    assert (rows[0]["department_name"], rows[1]["end_user"]) == ("'+Lending", "'=cmd()")
    assert (rows[0]["cost"], rows[1]["cost"], rows[0]["completion_tokens"]) == ("0.000064", "", "3")
    [event] = exports(organisation)
    assert (event.actor, event.data) == (boss.principal.actor, {"start": "2026-05-01T13:00:00+00:00"})


def test_the_export_holds_all_of_it_and_no_more_than_may_be_seen(
    organisation: Organisation, other: Organisation, requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controlplane.metering.ledger_exports._AT_ONCE", 1)
    answer = askers(organisation, other).department_admin.get(LEDGER, {"format": "csv"})
    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(StringIO(content))] == [requests[0], requests[2]]

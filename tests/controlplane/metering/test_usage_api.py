"""GET /api/v1/usage: grouped, paged, exported, and for reviewers alone."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rest_framework.test import APIClient

from controlplane.assistants.models import Assistant
from controlplane.audit.selectors import event_list
from controlplane.core.scope import tenant_scope
from controlplane.identity.models import KeyScope
from controlplane.metering.services import usage_roll_up
from controlplane.tenants.models import Role
from tests.controlplane.knowledge import make_assistant
from tests.controlplane.metering.talk import ask
from tests.controlplane.organisations import PASSWORD, Key, Organisation

START = datetime(2026, 3, 2, 2, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPAN = {"from": "2026-03-01T00:00:00Z", "to": "2026-03-10T00:00:00Z"}


@pytest.fixture
def assistant(organisation: Organisation) -> Assistant:
    """Three questions on two days, two of them in one hour."""
    assistant = make_assistant(department=organisation.finance, slug="finance", bases=[])
    for at in (START, START + timedelta(minutes=9), START + DAY):
        ask(assistant=assistant, tenant_id=organisation.tenant.pk, at=at)
    usage_roll_up(tenant_id=organisation.tenant.pk, now=START + 2 * DAY)
    return assistant


@pytest.fixture
def reviewer(organisation: Organisation) -> Key:
    return organisation.key(organisation.finance, *KeyScope.values)


def usage(key: Key, **params: str) -> Any:
    return key.client.get("/api/v1/usage", {**SPAN, **params})


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("day", {"2026-03-02": 2, "2026-03-03": 1}),
        ("hour", {"2026-03-02T02:00:00Z": 2, "2026-03-03T02:00:00Z": 1}),
        ("model", {"r1": 3}),
    ],
)
def test_usage_is_grouped(
    assistant: Assistant, reviewer: Key, group_by: str, expected: dict[str, int]
) -> None:
    results = usage(reviewer, group_by=group_by).json()["results"]
    assert {row["key"]: row["questions"] for row in results} == expected
    assert results[0]["first_token_p50"] == 625


def test_departments_and_assistants_have_their_names(assistant: Assistant, reviewer: Key) -> None:
    for group_by, key, label in (
        ("department", assistant.department_id, "Finance"),
        ("assistant", assistant.pk, "finance assistant"),
    ):
        [row] = usage(reviewer, group_by=group_by).json()["results"]
        assert (row["key"], row["label"], row["answered"]) == (str(key), label, 3)


def test_usage_is_filtered(organisation: Organisation, assistant: Assistant, reviewer: Key) -> None:
    for params, expected in (
        ({"assistant": "finance"}, 2),
        ({"assistant": str(assistant.pk)}, 2),
        ({"assistant": str(organisation.root.pk)}, 0),
        ({"department": "finance"}, 2),
        ({"department": "lending"}, 0),
        ({"from": "2026-03-03T00:00:00Z"}, 1),
        ({"to": "2026-03-03T02:00:00Z"}, 1),
    ):
        assert len(usage(reviewer, **params).json()["results"]) == expected, params


def test_usage_is_paged_both_ways(assistant: Assistant, reviewer: Key) -> None:
    first = usage(reviewer, limit="1").json()
    assert ([row["key"] for row in first["results"]], first["previous"]) == (["2026-03-02"], None)
    second = reviewer.client.get(first["next"]).json()
    assert ([row["key"] for row in second["results"]], second["next"]) == (["2026-03-03"], None)
    assert reviewer.client.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize(
    ("params", "field", "code"),
    [
        ({"from": "2026-03-11T00:00:00Z"}, "from", "span_reversed"),
        ({"from": "2026-01-01T00:00:00Z", "group_by": "hour"}, "from", "span_too_long"),
        ({"from": "yesterday"}, "from", "invalid_field"),
        ({"group_by": "weekday"}, "group_by", "invalid_field"),
        ({"cursor": "x"}, "cursor", "invalid_cursor"),
    ],
)
def test_bad_input_names_its_field(reviewer: Key, params: dict[str, str], field: str, code: str) -> None:
    response = usage(reviewer, **params)
    assert (response.status_code, response.json()["field"], response.json()["code"]) == (422, field, code)


def test_a_department_of_others_is_not_there(organisation: Organisation, reviewer: Key) -> None:
    assert usage(reviewer, department="energy").status_code == 404


def exported(organisation: Organisation) -> int:
    with tenant_scope(organisation.tenant.pk):
        return event_list(tenant_id=organisation.tenant.pk, action="usage.exported").count()


def test_the_export_is_a_file_for_excel_and_recorded(
    organisation: Organisation, assistant: Assistant, reviewer: Key
) -> None:
    with tenant_scope(organisation.tenant.pk):
        Assistant.objects.filter(pk=assistant.pk).update(name="=cmd()")
    response = usage(reviewer, group_by="assistant", format="csv")
    content = b"".join(response.streaming_content).decode("utf-8-sig")
    [row] = csv.DictReader(StringIO(content))
    assert (row["label"], row["questions"], row["first_token_p50"]) == ("'=cmd()", "3", "625")
    with tenant_scope(organisation.tenant.pk):
        [event] = event_list(tenant_id=organisation.tenant.pk, action="usage.exported")
    assert event.actor == reviewer.principal.actor
    assert event.data == {
        "start": "2026-03-01T00:00:00+00:00",
        "end": "2026-03-10T00:00:00+00:00",
        "group_by": "assistant",
    }


def test_who_reviews_nothing_sees_nothing(organisation: Organisation, assistant: Assistant) -> None:
    keys = [
        organisation.key(organisation.root, KeyScope.CHAT),
        organisation.key(organisation.root, KeyScope.DOCUMENTS_WRITE),
    ]
    for key in keys:
        for params in ({}, {"format": "csv"}):
            response = usage(key, **params)
            assert (response.status_code, response.json()["code"]) == (403, "not_a_reviewer")
    member = APIClient()
    user = organisation.member(organisation.finance)
    member.post("/api/v1/session", {"email": user.email, "password": PASSWORD}, format="json")
    assert member.get("/api/v1/usage", SPAN).status_code == 403
    assert exported(organisation) == 0


def test_a_knowledge_manager_sees_their_department(organisation: Organisation, assistant: Assistant) -> None:
    for department, expected in ((organisation.finance, 2), (organisation.energy, 0)):
        manager = APIClient()
        user = organisation.member(department, role=Role.MANAGER)
        manager.post("/api/v1/session", {"email": user.email, "password": PASSWORD}, format="json")
        assert len(manager.get("/api/v1/usage", SPAN).json()["results"]) == expected

"""REST of limits: who reads and who sets which, and that a refusal changes nothing."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope
from controlplane.metering.limits import NOTHING_SET, LimitValues, limits_of
from controlplane.tenants.models import Role
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.metering.test_limits import changes_of
from tests.controlplane.organisations import Organisation, platform_admin

ASKED = {"requests_per_minute": 60, "tokens_per_minute": 100_000, "concurrency": 8, "weight": 30}
GIVEN = {**ASKED, "batch_allowed": True, "overflow_allowed": None}
NOTHING = {
    "requests_per_minute": None,
    "tokens_per_minute": None,
    "concurrency": None,
    "weight": 10,
    "batch_allowed": True,
    "overflow_allowed": None,
}


def administrator(organisation: Organisation) -> APIClient:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


def own(organisation: Organisation) -> str:
    return f"/api/v1/tenants/{organisation.tenant.pk}/limits"


def test_the_platform_sets_an_organisations_limits_and_its_administrators_read_them(
    organisation: Organisation,
) -> None:
    platform, admin = signed_in(platform_admin()), administrator(organisation)
    assert platform.get(own(organisation)).json() == NOTHING
    answer = platform.put(own(organisation), ASKED, format="json")
    assert (answer.status_code, answer.json()) == (200, GIVEN)
    assert platform.get(own(organisation)).json() == GIVEN
    assert admin.get("/api/v1/limits").json() == {"organisation": GIVEN, "departments": []}
    assert [target for _actor, target in changes_of(organisation)] == [f"tenant:{organisation.tenant.pk}"]
    assert platform.put(own(organisation), {}, format="json").json() == NOTHING
    assert limits_of(tenant_id=organisation.tenant.pk).own == NOTHING_SET


def test_an_organisations_administrators_set_those_of_its_departments(organisation: Organisation) -> None:
    admin, finance = administrator(organisation), organisation.finance
    address = f"/api/v1/departments/{finance.slug}/limits"
    assert admin.get(address).json() == NOTHING
    asked = {"concurrency": 2, "batch_allowed": False, "overflow_allowed": True}
    answer = admin.put(address, asked, format="json")
    assert (answer.status_code, answer.json()) == (200, NOTHING | asked)
    assert admin.get("/api/v1/limits").json() == {
        "organisation": NOTHING,
        "departments": [
            {
                "department": str(finance.pk),
                "slug": finance.slug,
                "name": finance.name,
                "limits": NOTHING | asked,
            }
        ],
    }
    of_department = signed_in(organisation.member(finance, Role.ADMIN, Secrecy.SECRET))
    assert of_department.get(address).json() == NOTHING | asked
    values = LimitValues(concurrency=2, batch_allowed=False, overflow_allowed=True)
    assert limits_of(tenant_id=organisation.tenant.pk).departments == {finance.pk: values}
    assert [target for _actor, target in changes_of(organisation)] == [f"department:{finance.pk}"]


def test_who_may_not_reads_and_changes_nothing(organisation: Organisation, other: Organisation) -> None:
    department = f"/api/v1/departments/{organisation.finance.pk}/limits"
    of_department = signed_in(organisation.member(organisation.finance, Role.ADMIN, Secrecy.SECRET))
    manager = signed_in(organisation.member(organisation.root, Role.MANAGER, Secrecy.SECRET))
    key = organisation.key(organisation.finance, *KeyScope.values).client
    asked: list[tuple[APIClient, str, str, int]] = [
        (administrator(organisation), "put", own(organisation), 403),
        (administrator(organisation), "get", own(organisation), 403),
        (administrator(other), "get", own(organisation), 403),
        (administrator(other), "put", department, 404),
        (administrator(other), "get", department, 404),
        (of_department, "get", "/api/v1/limits", 403),
        (of_department, "put", department, 403),
        (manager, "get", "/api/v1/limits", 403),
        (manager, "get", department, 403),
        (manager, "put", department, 403),
        (key, "put", department, 403),
        (key, "get", "/api/v1/limits", 403),
        (signed_in(platform_admin()), "put", department, 403),
    ]
    for client, method, address, status in asked:
        answer = getattr(client, method)(address, ASKED, format="json")
        assert answer.status_code == status, (method, address, answer.json())
    found = limits_of(tenant_id=organisation.tenant.pk)
    assert (found.own, found.departments) == (NOTHING_SET, {})
    assert changes_of(organisation) == []


@pytest.mark.parametrize(
    ("asked", "field", "is_of_another_kind"),
    [
        ({"requests_per_minute": 0}, "requests_per_minute", False),
        ({"tokens_per_minute": 2**31}, "tokens_per_minute", False),
        ({"concurrency": "many"}, "concurrency", True),
        ({"weight": 101}, "weight", False),
        ({"weight": None}, "weight", True),
        ({"batch_allowed": "perhaps"}, "batch_allowed", True),
        ({"request_per_minute": 60}, "request_per_minute", False),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_set(
    organisation: Organisation, asked: dict[str, Any], field: str, is_of_another_kind: bool
) -> None:
    admin = administrator(organisation)
    platform = signed_in(platform_admin())
    for client, address in ((platform, own(organisation)), (admin, "/api/v1/departments/root/limits")):
        answer = client.put(address, ASKED | asked, format="json")
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert bool(answer.json().get("remedy")) is not is_of_another_kind
    assert changes_of(organisation) == []


def test_an_organisation_that_is_not_there(db: None) -> None:
    address = "/api/v1/tenants/00000000-0000-0000-0000-000000000007/limits"
    platform = signed_in(platform_admin())
    assert platform.get(address).status_code == 404
    assert platform.put(address, ASKED, format="json").status_code == 404

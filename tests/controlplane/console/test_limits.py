"""The page of limits: who opens it, what it shows of the use, and what its forms set."""

from typing import Any
from uuid import UUID

import pytest

from controlplane.console.limit_bars import limit_bars
from controlplane.core.secrecy import Secrecy
from controlplane.metering import limit_use as use_module
from controlplane.metering.limit_use import Use, limit_use
from controlplane.metering.limits import NOTHING_SET, LimitValues, limits_of, tenant_limits_set
from controlplane.tenants.models import Role
from inference.admission import UnderWay
from tests.controlplane.console.pages import askers, queries_of, refused, signed_in
from tests.controlplane.metering.test_limits import PLATFORM, changes_of
from tests.controlplane.organisations import Organisation, platform_admin

FILLED = {
    "requests_per_minute": "60",
    "tokens_per_minute": "",
    "concurrency": "8",
    "weight": "20",
    "batch_allowed": "no",
    "overflow_allowed": "yes",
}
SET = LimitValues(
    requests_per_minute=60, concurrency=8, weight=20, batch_allowed=False, overflow_allowed=True
)


@pytest.fixture
def admin(organisation: Organisation) -> Any:
    return signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_module, "under_way", lambda *, url: UnderWay({}, {}))


def test_administrators_of_the_organisation_alone_see_and_set_limits(
    organisation: Organisation, other: Organisation, quiet: None
) -> None:
    by = askers(organisation, other)
    filled = FILLED | {"department": str(organisation.finance.pk)}
    for client in (by.member, by.manager, by.department_admin):
        for address in ("/limits/", "/limits/add", "/limits/finance/"):
            refused(organisation, lambda c=client, a=address: c.get(a), 403)  # type: ignore[misc]
        refused(organisation, lambda c=client: c.post("/limits/add", filled), 403)  # type: ignore[misc]
        refused(organisation, lambda c=client: c.post("/limits/finance/", FILLED), 403)  # type: ignore[misc]
        assert "/limits/" not in client.get("/").text
    refused(organisation, lambda: by.elsewhere.post("/limits/add", filled), 422)
    own = f"/tenants/{organisation.tenant.pk}/limits"
    for client in (by.tenant_admin, by.elsewhere):
        refused(organisation, lambda c=client: c.get(own), 403)  # type: ignore[misc]
        refused(organisation, lambda c=client: c.post(own, FILLED), 403)  # type: ignore[misc]
    found = limits_of(tenant_id=organisation.tenant.pk)
    assert (found.own, found.departments) == (NOTHING_SET, {})
    assert 'href="/limits/"' in by.tenant_admin.get("/limits/").text


def test_an_empty_page_says_what_limits_are_for(admin: Any) -> None:
    page = admin.get("/limits/", headers={"Accept-Language": "en"}).text
    assert "No limits yet" in page
    assert 'href="/limits/add"' in page
    assert 'class="limits"' not in page


def test_a_department_is_limited_changed_and_freed_again(
    admin: Any, organisation: Organisation, quiet: None
) -> None:
    tenant_id, finance = organisation.tenant.pk, organisation.finance
    added = admin.post("/limits/add", FILLED | {"department": str(finance.pk)})
    assert added.headers["Location"] == "/limits/"
    assert limits_of(tenant_id=tenant_id).departments == {finance.pk: SET}
    page = admin.get("/limits/", headers={"Accept-Language": "en"}).text
    assert f'id="limits-{finance.slug}"' in page
    assert "the limit is 60" in page
    assert "requests that can wait are not allowed" in page
    assert str(finance.pk) not in admin.get("/limits/add").text
    form = admin.get(f"/limits/{finance.slug}/").text
    assert 'value="60"' in form
    nothing = {"weight": "10", "batch_allowed": "yes"}
    assert admin.post(f"/limits/{finance.slug}/", nothing).status_code == 302
    assert limits_of(tenant_id=tenant_id).departments == {finance.pk: NOTHING_SET}
    assert 'class="limits"' not in admin.get("/limits/").text
    assert [target for _actor, target in changes_of(organisation)] == [f"department:{finance.pk}"] * 2


@pytest.mark.parametrize(
    ("field", "value"), [("requests_per_minute", "0"), ("tokens_per_minute", "many"), ("weight", "101")]
)
def test_a_wrong_field_is_marked_and_nothing_is_set(
    admin: Any, organisation: Organisation, field: str, value: str
) -> None:
    answer = admin.post("/limits/finance/", FILLED | {field: value})
    assert answer.status_code == 422
    assert f'aria-describedby="id_{field}' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert changes_of(organisation) == []


def test_the_platform_limits_an_organisation(organisation: Organisation) -> None:
    platform, address = signed_in(platform_admin()), f"/tenants/{organisation.tenant.pk}/limits"
    assert address in platform.get("/tenants/").text
    assert 'value="10"' in platform.get(address).text
    assert platform.post(address, FILLED).headers["Location"] == "/tenants/"
    assert limits_of(tenant_id=organisation.tenant.pk).own == SET
    assert 'value="60"' in platform.get(address).text
    assert platform.post(address, FILLED | {"weight": "0"}).status_code == 422
    assert limits_of(tenant_id=organisation.tenant.pk).own == SET
    nobody = f"/tenants/{UUID(int=7)}/limits"
    assert (platform.get(nobody).status_code, platform.post(nobody, FILLED).status_code) == (404, 404)


def test_more_departments_need_no_more_queries(admin: Any, organisation: Organisation, quiet: None) -> None:
    admin.post("/limits/finance/", FILLED)
    before = queries_of(admin, "/limits/")
    admin.post("/limits/energy/", FILLED)
    admin.post("/limits/lending/", FILLED)
    assert queries_of(admin, "/limits/") == before


def test_what_is_under_way_comes_from_the_gateways(
    admin: Any, organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id, finance = organisation.tenant.pk, organisation.finance.pk
    tenant_limits_set(principal=PLATFORM, tenant_id=tenant_id, values=SET)
    now = UnderWay({str(tenant_id): 5, str(finance): 3}, {str(tenant_id): 2})
    monkeypatch.setattr(use_module, "under_way", lambda *, url: now)
    use = limit_use(tenant_id=tenant_id, department_ids=frozenset({finance}))
    assert use.organisation == Use(requests=0, tokens=0, at_once=5, waiting=2)
    assert use.of(finance) == Use(at_once=3)
    page = admin.get("/limits/", headers={"Accept-Language": "en"}).text
    assert "2 requests wait for their turn." in page
    assert 'class="limits__room" width="62.5"' in page
    monkeypatch.setattr(use_module, "under_way", lambda *, url: None)
    use = limit_use(tenant_id=tenant_id, department_ids=frozenset({finance}))
    assert (use.organisation.at_once, use.organisation.waiting, use.of(finance).at_once) == (None, None, None)
    assert admin.get("/limits/").status_code == 200


@pytest.mark.parametrize(
    ("used", "width", "tone"), [(0, 0, "room"), (79, 79, "room"), (80, 80, "nearly"), (130, 100, "full")]
)
def test_a_bar_is_as_long_as_what_is_used(used: int, width: float, tone: str) -> None:
    bars = limit_bars(limits=LimitValues(requests_per_minute=100), use=Use(requests=used, tokens=7))
    assert (bars[0].used, bars[0].limit, bars[0].width, bars[0].tone) == (used, 100, width, tone)
    assert (bars[1].used, bars[1].limit, bars[1].tone) == (7, None, "")
    assert (bars[2].used, bars[2].limit) == (None, None)


def test_what_is_under_way_is_unknown_without_a_limit() -> None:
    of_none = limit_bars(limits=LimitValues(weight=20), use=Use(at_once=0))
    of_requests = limit_bars(limits=LimitValues(requests_per_minute=1), use=Use(at_once=0))
    assert (of_none[2].used, of_requests[2].used) == (None, 0)

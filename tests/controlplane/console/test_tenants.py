"""Several organisations: choosing among one's own, and founding and renaming them for the platform."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from controlplane.audit.selectors import event_list
from controlplane.core.scope import platform_scope, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.backends import EmailBackend
from controlplane.tenants.models import Department, Membership, Role, Tenant
from controlplane.tenants.suspensions import tenant_resume, tenant_suspend
from tests.controlplane.console.pages import askers, refused
from tests.controlplane.console.test_pages import signed_in
from tests.controlplane.identity.test_administration import join
from tests.controlplane.organisations import PASSWORD, Organisation, platform_admin


@pytest.fixture
def platform(organisation: Organisation) -> Client:
    return signed_in(platform_admin())


def filled(**changes: str) -> dict[str, str]:
    return {
        "name": "水利局",
        "slug": f"org-{uuid4().hex[:12]}",
        "account": "new",
        "email": f"{uuid4().hex}@example.org",
        "person": "李冰",
        "once": uuid4().hex,
    } | changes


def tenants() -> list[Any]:
    with platform_scope():
        return list(Tenant.objects.order_by("pk").values_list("pk", "name"))


def test_a_session_is_about_the_organisation_that_was_chosen(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    there = other.member(other.finance)
    assert 'name="tenant"' not in signed_in(user).get("/").text
    join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
    client = signed_in(user)
    assert there.email not in client.get("/people/").text
    assert client.get("/api/v1/me").json()["tenant"] == str(organisation.tenant.pk)
    assert client.post("/tenant", {"tenant": str(other.tenant.pk)}).headers["Location"] == "/"
    assert there.email in client.get("/people/").text
    assert client.get("/api/v1/me").json()["tenant"] == str(other.tenant.pk)
    with tenant_scope(other.tenant.pk):
        Membership.objects.filter(user=user).delete()
    moved = client.get("/people/", headers={"Accept-Language": "en"})
    assert moved.headers["Location"] == "/"
    said = client.get("/", headers={"Accept-Language": "en"}).text
    assert f"you work in “{organisation.tenant.name}”" in said
    assert user.email in client.get("/people/").text
    assert client.get("/api/v1/me").json()["tenant"] == str(organisation.tenant.pk)


@pytest.mark.parametrize("chosen", [True, False])
def test_who_left_the_organisation_of_the_session_does_nothing_in_another_by_mistake(
    organisation: Organisation, other: Organisation, chosen: bool
) -> None:
    """Whether it was chosen, or the first one that they belonged to."""
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
    left, stays = (other, organisation) if chosen else (organisation, other)
    page, program, part = signed_in(user), signed_in(user), signed_in(user)
    for client in (page, program, part):
        if chosen:
            client.post("/tenant", {"tenant": str(left.tenant.pk)})
        assert client.get("/api/v1/me").json()["tenant"] == str(left.tenant.pk)
    with tenant_scope(left.tenant.pk):
        Membership.objects.filter(user=user).delete()
    new = {"slug": "new", "name": "New", "parent": "root"}
    refused_ = program.post("/api/v1/departments", new, "application/json")
    body = refused_.json()
    assert (refused_.status_code, body["code"]) == (403, "membership_ended")
    assert stays.tenant.name in body["remedy"]
    assert program.get("/api/v1/me").json()["tenant"] == str(stays.tenant.pk)
    added = {"name": "New", "slug": "new", "parent": str(stays.root.pk)}
    assert page.post("/departments/add", added).headers["Location"] == "/"
    toast = part.get("/departments/", headers={"HX-Request": "true"})
    assert toast.status_code == 403
    for one in (organisation, other):
        with tenant_scope(one.tenant.pk):
            assert not Department.objects.filter(slug="new").exists()


def test_who_is_left_in_no_organisation_reads_so(organisation: Organisation) -> None:
    user = organisation.member(organisation.root, Role.ADMIN)
    client = signed_in(user)
    assert client.get("/people/").status_code == 200
    with tenant_scope(organisation.tenant.pk):
        Membership.objects.filter(user=user).delete()
    assert client.get("/people/").status_code == 403
    assert client.get("/api/v1/assistants").status_code == 403


def test_only_ones_own_organisations_can_be_chosen(organisation: Organisation, other: Organisation) -> None:
    client = signed_in(organisation.member(organisation.root, Role.ADMIN))
    for wanted in (str(other.tenant.pk), "", "x", str(uuid4())):
        assert client.post("/tenant", {"tenant": wanted}).status_code == 404
    assert client.get("/api/v1/me").json()["tenant"] == str(organisation.tenant.pk)


def test_organisations_are_for_the_platforms_administrators(
    organisation: Organisation, other: Organisation
) -> None:
    by, before = askers(organisation, other), tenants()
    rename = f"/tenants/{organisation.tenant.pk}/rename"
    for client in (by.member, by.manager, by.department_admin, by.tenant_admin, by.elsewhere):
        for address in ("/tenants/", "/tenants/add", rename):
            assert client.get(address).status_code == 403
        refused(organisation, lambda c=client: c.post("/tenants/add", filled()), 403)
        refused(organisation, lambda c=client: c.post(rename, {"name": "mine"}), 403)
        address = f"/api/v1/tenants/{organisation.tenant.pk}"
        refused(organisation, lambda c=client, a=address: c.patch(a, {"name": "x"}, "application/json"), 403)
    assert tenants() == before


def test_an_organisation_is_founded_once_with_its_administrator(platform: Client) -> None:
    data = filled()
    shown = platform.post("/tenants/add", data)
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "private, no-store")
    password = re.search(r'<code id="secret">([\w-]+)</code>', shown.text)
    assert password is not None
    # That would be to one's own organisation.
    assert "/people/add" not in shown.text.partition('id="secret"')[2]
    assert EmailBackend().authenticate(None, username=data["email"], password=password[1]) is not None
    before = tenants()
    assert platform.post("/tenants/add", data).headers["Location"] == "/tenants/"
    assert tenants() == before
    taken = platform.post("/tenants/add", filled(slug=data["slug"]))
    assert taken.status_code == 409
    again = platform.post("/tenants/add", filled(email=data["email"]))
    assert again.status_code == 409
    assert tenants() == before
    adopted = filled(email=data["email"], account="existing")
    assert platform.post("/tenants/add", adopted).headers["Location"] == "/tenants/"
    assert len(tenants()) == len(before) + 1


def test_an_organisation_is_renamed_and_its_trail_says_so(
    organisation: Organisation, platform: Client
) -> None:
    rename = f"/tenants/{organisation.tenant.pk}/rename"
    assert platform.post(rename, {"name": " "}).status_code == 422
    assert platform.post(rename, {"name": "新<名>"}).headers["Location"] == "/tenants/"
    assert "新&lt;名&gt;" in platform.get("/tenants/").text
    with tenant_scope(organisation.tenant.pk):
        [event] = event_list(tenant_id=organisation.tenant.pk, action="tenant.renamed")
    assert event.data == {"name": "新<名>"}
    answer = platform.patch(f"/api/v1/tenants/{organisation.tenant.pk}", {"name": "B"}, "application/json")
    assert answer.json()["name"] == "B"
    assert platform.get(f"/tenants/{uuid4()}/rename").status_code == 404


REASON = "合同<已>到期"


def test_an_organisation_is_suspended_and_resumed(organisation: Organisation, platform: Client) -> None:
    address = f"/tenants/{organisation.tenant.pk}"
    asked = platform.get(f"{address}/suspend")
    assert "You belong to this organisation yourself" not in asked.text
    assert platform.post(f"{address}/suspend", {"reason": " "}).status_code == 422
    for _ in range(2):  # sent twice, it is one suspension
        sent = platform.post(f"{address}/suspend", {"reason": REASON})
        assert sent.headers["Location"] == "/tenants/"
    assert "合同&lt;已&gt;到期" in platform.get("/tenants/").text
    again = platform.post(f"{address}/suspend", {"reason": "其他"})
    assert again.status_code == 409
    assert platform.post(f"{address}/resume").headers["Location"] == "/tenants/"
    assert REASON not in platform.get("/tenants/").text
    assert platform.get(f"{address}/resume").headers["Location"] == "/tenants/"
    assert platform.get(f"/tenants/{uuid4()}/suspend").status_code == 404
    told = platform.get("/platform/audit/").text
    assert "suspended the organisation: 合同&lt;已&gt;到期" in told
    assert "resumed the organisation" in told


def test_suspending_is_for_the_platforms_administrators(
    organisation: Organisation, other: Organisation
) -> None:
    by = askers(organisation, other)
    address = f"/tenants/{organisation.tenant.pk}"
    for client in (by.member, by.manager, by.department_admin, by.tenant_admin, by.elsewhere):
        assert client.get(f"{address}/suspend").status_code == 403
        refused(organisation, lambda c=client: c.post(f"{address}/suspend", {"reason": "x"}), 403)
        refused(organisation, lambda c=client: c.post(f"{address}/resume"), 403)
    with platform_scope():
        assert Tenant.objects.get(pk=organisation.tenant.pk).suspended_at is None


def test_the_people_of_a_suspended_organisation_read_so(
    organisation: Organisation, other: Organisation
) -> None:
    by, member = askers(organisation, other), organisation.member(organisation.root)
    tenant_suspend(actor="system", tenant_id=organisation.tenant.pk, reason=REASON)
    for address in ("/", "/people/", "/knowledge/", "/hit-testing/", "/models/engines", "/audit/"):
        answer = by.tenant_admin.get(address)
        assert (answer.status_code, "Organisation suspended" in answer.text) == (403, True), address
        assert "合同&lt;已&gt;到期" in answer.text
    for client in (by.member, by.manager, by.department_admin):
        answer = client.get("/")
        assert (answer.status_code, "合同" in answer.text) == (403, False)
    chinese = by.manager.get("/", headers={"Accept-Language": "zh-CN"}).text
    assert "组织已暂停" in chinese
    assert "没有删除任何内容" in chinese
    refused(organisation, lambda: by.tenant_admin.post("/departments/add", {"name": "x", "slug": "x"}), 403)
    part = by.manager.get("/jobs/", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Refresh"]) == (403, "true")
    signed = Client().post("/sign-in", {"email": member.email, "password": PASSWORD})
    assert signed.headers["Location"] == "/"  # the chat would only send them back
    assert by.manager.get("/password").status_code == 200
    assert by.elsewhere.get("/").status_code == 200
    tenant_resume(actor="system", tenant_id=organisation.tenant.pk)
    assert by.tenant_admin.get("/people/").status_code == 200


def test_who_belongs_to_another_organisation_goes_on_there(
    organisation: Organisation, other: Organisation
) -> None:
    user = organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET)
    join(other, user, other.root, Role.ADMIN, Secrecy.SECRET)
    client = signed_in(user)
    tenant_suspend(actor="system", tenant_id=organisation.tenant.pk, reason=REASON)
    page = client.get("/")
    assert page.status_code == 403
    assert f'value="{other.tenant.pk}"' in page.text
    assert client.post("/tenant", {"tenant": str(other.tenant.pk)}).headers["Location"] == "/"
    assert client.get("/people/").status_code == 200


def test_the_platforms_pages_stay_open_to_its_administrators(organisation: Organisation) -> None:
    user = platform_admin()
    join(organisation, user, organisation.root, Role.ADMIN, Secrecy.SECRET)
    client, address = signed_in(user), f"/tenants/{organisation.tenant.pk}"
    assert "You belong to this organisation yourself" in client.get(f"{address}/suspend").text
    client.post(f"{address}/suspend", {"reason": REASON})
    assert client.get("/people/").status_code == 403
    assert f'action="{address}/resume"' in client.get("/").text
    for page in ("/tenants/", "/platform/audit/", "/search/", "/password"):
        assert client.get(page).status_code == 200
    assert client.post(f"{address}/resume").headers["Location"] == "/tenants/"
    assert client.get("/people/").status_code == 200

"""Signing in with a browser, and who may then do what."""

import time
from types import SimpleNamespace

import pytest
from rest_framework.test import APIClient

from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity import authentication
from controlplane.identity.models import User
from controlplane.tenants.models import Membership, Role
from tests.controlplane.organisations import PASSWORD, Organisation


def signed_in(user: User) -> APIClient:
    client = APIClient()
    response = client.post(
        "/api/v1/session", {"email": user.email.upper(), "password": PASSWORD}, format="json"
    )
    assert response.status_code == 200, response.json()
    return client


def test_a_member_reads_their_department_and_beneath(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance))
    me = client.get("/api/v1/me").json()
    assert set(me["read_departments"]) == {str(organisation.finance.pk), str(organisation.lending.pk)}
    assert me["write_departments"] == []
    assert me["clearance"] == "internal"
    assert set(me["scopes"]) == {"chat", "search", "documents:read"}


def test_a_manager_writes_only_where_they_manage(organisation: Organisation) -> None:
    user = organisation.member(organisation.finance)
    with tenant_scope(organisation.tenant.pk):
        Membership.objects.create(
            tenant=organisation.tenant,
            user=user,
            department=organisation.energy,
            role=Role.MANAGER,
            clearance=Secrecy.SECRET,
        )
    me = signed_in(user).get("/api/v1/me").json()
    assert me["write_departments"] == [str(organisation.energy.pk)]
    assert len(me["read_departments"]) == 3


def test_an_administrator_has_every_department(organisation: Organisation) -> None:
    me = signed_in(organisation.member(organisation.root, Role.ADMIN)).get("/api/v1/me").json()
    assert len(me["read_departments"]) == len(me["write_departments"]) == 4
    assert me["is_admin"] is True


@pytest.mark.parametrize("email", ["nobody@example.org", "own"])
def test_wrong_passwords_and_unknown_addresses_answer_alike(organisation: Organisation, email: str) -> None:
    if email == "own":
        email = organisation.member(organisation.finance).email
    response = APIClient().post(
        "/api/v1/session", {"email": email, "password": "wrong-password"}, format="json"
    )
    assert (response.status_code, response.json()["code"]) == (403, "wrong_password")


def test_signing_out_ends_the_session(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance))
    assert client.delete("/api/v1/session").status_code == 204
    assert client.get("/api/v1/me").status_code == 401


def test_a_session_needs_the_csrf_token_to_write(organisation: Organisation) -> None:
    user = organisation.member(organisation.root, Role.ADMIN)
    client = APIClient(enforce_csrf_checks=True)
    client.post("/api/v1/session", {"email": user.email, "password": PASSWORD}, format="json")
    response = client.post("/api/v1/departments", {"slug": "x", "name": "X"}, format="json")
    assert response.status_code == 403
    assert "CSRF" in response.json()["detail"]


def test_a_tenant_one_does_not_belong_to_cannot_be_chosen(
    organisation: Organisation, other: Organisation
) -> None:
    client = signed_in(organisation.member(organisation.finance))
    response = client.get("/api/v1/departments", HTTP_X_KAREZ_TENANT=str(other.tenant.pk))
    assert response.status_code == 403


def test_members_are_added_and_removed(organisation: Organisation) -> None:
    admin = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    new = {
        "email": "Li.Lei@Example.org",
        "password": "quiet-channel-8",
        "department": "energy",
        "role": "manager",
        "clearance": "confidential",
    }
    made = admin.post("/api/v1/members", new, format="json")
    assert made.status_code == 201, made.json()
    assert made.json()["email"] == "li.lei@example.org"
    again = admin.post(
        "/api/v1/members", {"email": made.json()["email"], "department": "finance"}, format="json"
    )
    assert again.json()["user"] == made.json()["user"]
    assert len(admin.get("/api/v1/members").json()["results"]) == 3
    assert admin.delete(f"/api/v1/members/{made.json()['id']}").status_code == 204
    assert len(admin.get("/api/v1/members").json()["results"]) == 2


def test_a_weak_password_names_the_field(organisation: Organisation) -> None:
    admin = signed_in(organisation.member(organisation.root, Role.ADMIN))
    new = {"email": "a@example.org", "password": "password", "department": "energy"}
    response = admin.post("/api/v1/members", new, format="json")
    assert (response.status_code, response.json()["code"], response.json()["field"]) == (
        422,
        "weak_password",
        "password",
    )


def test_a_member_can_add_nobody(organisation: Organisation) -> None:
    client = signed_in(organisation.member(organisation.finance, Role.MANAGER))
    new = {"email": "a@example.org", "password": "quiet-channel-9", "department": "finance"}
    assert client.post("/api/v1/members", new, format="json").status_code == 403
    with tenant_scope(organisation.tenant.pk):
        assert Membership.objects.count() == 1


def test_a_session_lasts_while_it_is_used(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in(organisation.member(organisation.finance))
    assert client.get("/api/v1/me").cookies["sessionid"]["max-age"] == 12 * 3600
    assert "sessionid" not in client.get("/api/v1/me").cookies
    later = time.time() + 2 * 3600
    monkeypatch.setattr(authentication, "time", SimpleNamespace(time=lambda: later))
    assert "sessionid" in client.get("/api/v1/me").cookies
    assert "sessionid" not in client.get("/api/v1/me").cookies

"""An account that exists is never taken for a new one, and no key makes accounts that outlive it."""

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from controlplane.core.scope import Scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.identity.models import KeyScope, User
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Membership, Role, Tenant
from tests.controlplane.identity.test_sessions import signed_in
from tests.controlplane.organisations import PASSWORD, Organisation, platform_admin

MEMBERS, TENANTS = "/api/v1/members", "/api/v1/tenants"
NEW_PASSWORD = "quiet-channel-77"


def new_tenant(email: str, **admin: Any) -> dict[str, Any]:
    return {"slug": f"t-{uuid4().hex[:8]}", "name": "South Grid", "admin": {"email": email, **admin}}


def code_and_field(response: Any) -> tuple[int, str, str]:
    body = response.json()
    assert body.get("remedy"), body
    return response.status_code, body["code"], body.get("field", "")


def memberships(organisation: Organisation) -> list[tuple[Any, ...]]:
    with tenant_scope(organisation.tenant.pk):
        return list(Membership.objects.order_by("pk").values_list("user", "department", "role", "clearance"))


def person(email: str) -> User | None:
    with scoped(Scope(login_email=email)):
        return User.objects.filter(email=email).first()


@pytest.mark.parametrize(
    ("sent", "field"),
    [({"password": NEW_PASSWORD}, "admin.password"), ({"name": "Li Lei"}, "admin.name")],
)
def test_who_founds_a_tenant_takes_no_existing_account_for_a_new_one(
    organisation: Organisation, sent: dict[str, str], field: str
) -> None:
    """Somebody made it beforehand, in a department of their own, and knows its password."""
    made = organisation.member(organisation.lending)
    new = new_tenant(made.email, **sent)
    refused = signed_in(platform_admin()).post(TENANTS, new, format="json")
    assert code_and_field(refused) == (409, "person_exists", field)
    with scoped(Scope(platform=True)):
        assert not Tenant.objects.filter(slug=new["slug"]).exists()


def test_an_existing_account_is_adopted_when_nothing_else_is_sent(organisation: Organisation) -> None:
    made = organisation.member(organisation.lending)
    answer = signed_in(platform_admin()).post(
        TENANTS, new_tenant(made.email.upper(), password="", name=""), format="json"
    )
    assert answer.status_code == 201, answer.json()
    client = signed_in(made)
    assert client.get("/api/v1/me", HTTP_X_KAREZ_TENANT=answer.json()["id"]).json()["is_admin"] is True


def test_a_new_administrator_needs_a_password(organisation: Organisation) -> None:
    client = signed_in(platform_admin())
    email = f"{uuid4().hex}@example.org"
    for sent in ({}, {"password": "password"}):
        refused = client.post(TENANTS, new_tenant(email, **sent), format="json")
        assert code_and_field(refused) == (422, "weak_password", "admin.password")
    assert person(email) is None
    nobody = client.post(TENANTS, {"slug": "nobodys", "name": "x"}, format="json")
    assert (nobody.status_code, nobody.json()["field"]) == (422, "admin")


@pytest.mark.parametrize(
    ("sent", "field"), [({"password": NEW_PASSWORD}, "password"), ({"name": "Li Lei"}, "name")]
)
def test_inside_a_tenant_no_existing_account_is_taken_for_a_new_one(
    organisation: Organisation, sent: dict[str, str], field: str
) -> None:
    made = organisation.member(organisation.lending)
    boss = signed_in(organisation.member(organisation.root, Role.ADMIN, Secrecy.SECRET))
    before = memberships(organisation)
    new = {"email": made.email, "department": "root", "role": "admin", "clearance": "secret"}
    refused = boss.post(MEMBERS, new | sent, format="json")
    assert code_and_field(refused) == (409, "person_exists", field)
    assert memberships(organisation) == before
    assert principal_of_user(user=made).is_admin is False
    assert boss.post(MEMBERS, new | {"password": "", "name": " "}, format="json").status_code == 201


def test_a_key_makes_no_account(organisation: Organisation) -> None:
    """It would outlive the key."""
    key = organisation.key(organisation.root, *KeyScope.values).client
    before, email = memberships(organisation), f"{uuid4().hex}@example.org"
    new = {"email": email, "department": "root", "password": NEW_PASSWORD}
    assert code_and_field(key.post(MEMBERS, new, format="json")) == (403, "key_sets_password", "password")
    assert (memberships(organisation), person(email)) == (before, None)
    signed = APIClient().post("/api/v1/session", {"email": email, "password": NEW_PASSWORD}, format="json")
    assert signed.status_code == 403


@pytest.mark.parametrize("role", ["manager", "admin"])
def test_a_key_gives_no_role_above_member(organisation: Organisation, role: str) -> None:
    key = organisation.key(organisation.root, *KeyScope.values).client
    there, before = organisation.member(organisation.lending), memberships(organisation)
    before = memberships(organisation)
    new = {"email": there.email, "department": "energy"}
    refused = key.post(MEMBERS, new | {"role": role}, format="json")
    assert code_and_field(refused) == (403, "key_grants_role", "role")
    assert memberships(organisation) == before
    assert key.post(MEMBERS, new, format="json").status_code == 201


def test_a_password_of_ones_own_choosing_signs_in(organisation: Organisation) -> None:
    email = f"{uuid4().hex}@example.org"
    made = signed_in(platform_admin()).post(TENANTS, new_tenant(email, password=PASSWORD), format="json")
    user = person(email)
    assert user is not None
    me = signed_in(user).get("/api/v1/me").json()
    assert (me["tenant"], me["is_admin"]) == (made.json()["id"], True)
